/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of the locks and states of memory hotplug, for spin: two memory blocks, those who
 * change them, and the notifiers. Pages are not modelled: moving them succeeds, fails, or is
 * cancelled.
 *
 * spin goes through every order of the steps of all processes of a scene, and checks:
 *
 *	- Every process ends without a signal: there is no deadlock, and no wakeup is lost.
 *	- A block has an owner: at the end none is claimed, or going online or offline, and if its
 *	  device has gone, the block has gone as well or is lost.
 *	- A callback is called only with the actions that Documentation/core-api/memory-hotplug.rst
 *	  allows in its state: it is told of a cancel only if it was asked.
 *	- Nothing is used after it was freed.
 *	- dev->offline agrees with the state while the device lock is free.
 *
 * model.py runs the scenes (-DSCENE_...), and then each with a defect (-DDEFECT_...), for which
 * spin has to find a counter-example.
 *
 * Steps are atomic if nobody can see a state in between without a lock that the process holds.
 */

/* Two blocks, and those that are added again. */
#if defined(SCENE_TWO_EJECTS)
#define NR_OBJECTS	6
#elif defined(SCENE_EJECT)
#define NR_OBJECTS	4
#elif defined(SCENE_REMOVER)
#define NR_OBJECTS	3
#else
#define NR_OBJECTS	2
#endif
#define NONE		NR_OBJECTS
#define ME		(_pid + 1)
#define NR_TASKS	6

/* The states of a block: include/linux/memory.h */
mtype:state = { ONLINE, GOING_OFFLINE, OFFLINE, GOING_ONLINE, LOST };

/* What a callback has heard of a block: core-api/memory-hotplug.rst, "Actions" */
mtype:heard = { H_OFFLINE, H_READY, H_COMING, H_ONLINE, H_GOING };

/* enum eject_state: drivers/acpi/memory_eject.c */
mtype:eject = { IDLE, PENDING, LEAVING, OVER };

/* The result of a request. */
mtype:outcome = { OK, FAILED };

/* struct memory_block. A block that is added again is another object. */
typedef memory_block {
	mtype:state state;
	bool claimed, claimed_online;
	bool offline;		/* dev->offline */
	byte progress;		/* mem->progress: ME of the task that takes it offline, or 0 */
	byte lock;		/* device_lock() */
	byte users;		/* active references to its files */
	byte refs;
	bool freed;
};

memory_block o[NR_OBJECTS];
byte nr_used;			/* number of objects that were allocated */
byte table[2] = NONE;		/* the xarray memory_blocks */
byte files[2] = NONE;		/* whose files are in the directory memoryN */

/* Each lock: ME of its holder, or 0. */
byte device_hotplug_lock;
byte mem_hotplug_lock;		/* for write */
byte mem_hotplug_readers;
byte acpi_scan_lock;
byte turn;			/* acpi_memory_eject.turn */
byte mf_mutex;			/* mm/memory-failure.c */
byte listener_mutex;		/* a lock of the subsystem of callback 0 */

/* The device of the firmware that has both blocks, and its struct acpi_memory_eject. */
bool attached = true;
bool vanished;			/* _STA has no enabled bit */
mtype:eject eject_state = IDLE;
byte eject_task;		/* whose progress the eject has */
bool again;

mtype:heard heard[4];		/* of callback c about block b: heard[2 * c + b] */

bool cancel[NR_TASKS];		/* mhp_progress.cancel of the request of a task */
bool asleep[NR_TASKS];		/* in the wait queue blocks_settled */

hidden byte n;			/* for loops within a step */

/* ---- Locks and references ---- */

#define take(lock)	atomic { lock == 0 -> lock = ME }
#define drop(lock)	atomic { assert(lock == ME); lock = 0 }
#define use(object)	assert(!o[object].freed)

#define put(object) \
	atomic { \
		use(object); \
		o[object].refs--; \
		o[object].freed = (o[object].refs == 0) \
	}

/* mem_hotplug_begin(), mem_hotplug_done() */
#define mem_hotplug_begin() \
	atomic { mem_hotplug_lock == 0 && mem_hotplug_readers == 0 -> mem_hotplug_lock = ME }
#define mem_hotplug_done()	drop(mem_hotplug_lock)

/* wake_up_all(&blocks_settled) */
#define wake_up_settled() \
	for (n : 0 .. NR_TASKS - 1) { \
		asleep[n] = false \
	}

/*
 * The blocks of a request of a process: k[0] is an object of block 0, k[1] one of block 1, or
 * NONE. Each block is a run of its own.
 */
#define REQUEST	\
	byte k[2] = NONE; \
	byte object; \
	byte veto; \
	mtype:outcome result = OK

#define for_each_block(todo) \
	for (n : 0 .. 1) { \
		if \
		:: k[n] != NONE -> use(k[n]); todo \
		:: else \
		fi \
	}

/* ---- Notifiers: mm/mhp/notify.c ---- */

#define hear(c, from, to) \
	assert(heard[2 * (c) + n] == from); heard[2 * (c) + n] = to

/*
 * Callback 0 takes a mutex, like virtio_mem_memory_notifier_cb() and ksm_memory_callback(). With
 * the defect it keeps the mutex from the question to the answer, as virtio-mem and cmm.c did.
 */
#ifdef DEFECT_NOTIFIER_KEEPS_MUTEX
#define callback_locks(to) \
	if \
	:: to == H_GOING -> take(listener_mutex) \
	:: else \
	fi
#define callback_unlocks() \
	if \
	:: listener_mutex == ME -> listener_mutex = 0 \
	:: else \
	fi
#else
#define callback_locks(to)	listener_mutex == 0
#define callback_unlocks()	skip
#endif

/* mhp_notify_tell() for all runs */
inline tell(from, to)
{
	atomic {
		for_each_block(hear(0, from, to); hear(1, from, to));
		callback_unlocks()
	}
}

/*
 * mhp_notify_ask() run by run, and what mhp_undo_runs() does after a refusal: each callback that
 * was asked is told. veto / 2 is the run, veto % 2 the callback that refuses.
 */
inline ask(from, to)
{
	atomic {
		callback_locks(to);
		select(veto : 0 .. 4);
		result = OK;
		for_each_block(
			if
			:: result == OK ->
			   hear(0, from, to);
			   if
			   :: veto == 2 * n ->
			      result = FAILED;
			      hear(0, to, from);
#ifdef DEFECT_CANCEL_FOR_ALL
			      hear(1, to, from)
#endif
			   :: else ->
			      hear(1, from, to)
			   fi;
			   if
			   :: veto == 2 * n + 1 ->
			      result = FAILED;
			      hear(0, to, from);
			      hear(1, to, from)
			   :: else
			   fi
			:: else
			fi
		);
		if
		:: result != OK && k[0] != NONE && heard[0] == to ->
		   n = 0;
		   hear(0, to, from);
		   hear(1, to, from)
		:: else
		fi;
		if
		:: result != OK -> callback_unlocks()
		:: else
		fi;
		veto = 0
	}
}

/* ---- Requests for blocks: drivers/base/memory_blocks.c ---- */

#define lock_block(b) \
	atomic { \
		k[b] == NONE || o[k[b]].lock == 0 -> \
		if \
		:: k[b] != NONE -> use(k[b]); o[k[b]].lock = ME \
		:: else \
		fi \
	}

/* memory_blocks_lock(): ascending */
inline memory_blocks_lock()
{
	lock_block(0);
	lock_block(1)
}

inline memory_blocks_unlock()
{
	d_step { for_each_block(assert(o[k[n]].lock == ME); o[k[n]].lock = 0) }
}

inline memory_blocks_set_state(s)
{
	d_step { for_each_block(assert(o[k[n]].lock == ME); o[k[n]].state = s) }
}

/* memory_blocks_set_progress(), which holds progress_lock */
inline memory_blocks_set_progress(task)
{
	d_step { for_each_block(o[k[n]].progress = task) }
}

/* memory_blocks_settle(): memory_blocks_announce(), then the locks are dropped */
inline memory_blocks_settle()
{
	d_step {
		for_each_block(
			assert(o[k[n]].lock == ME);
			o[k[n]].offline = (o[k[n]].state == OFFLINE);
			o[k[n]].lock = 0
		);
		wake_up_settled()
	}
}

#define all_are(s)	((k[0] == NONE || o[k[0]].state == s) && \
			 (k[1] == NONE || o[k[1]].state == s))
#define some_claimed()	((k[0] != NONE && o[k[0]].claimed) || \
			 (k[1] != NONE && o[k[1]].claimed))

/*
 * memory_blocks_end_offline(), memory_blocks_lose_absent(): what is done with the pages of a lost
 * block is not modelled
 */
inline end_offline()
{
	d_step {
		for_each_block(
			assert(o[k[n]].lock == ME);
			if
#ifndef DEFECT_LOSS_IS_FORGOTTEN
			:: o[k[n]].state == LOST
#endif
			:: else -> o[k[n]].state = (result == OK -> OFFLINE : ONLINE)
			fi
		)
	}
}

/*
 * memory_blocks_change_to_offline() with memory_block_may_go_offline(), and mhp_offline(): the
 * steps publish, evacuate, notify and prepare downwards. All locks are dropped while pages move
 * (mhp_evacuate_unlocked(), memory_blocks_yield(), memory_blocks_resume()), unless the caller
 * keeps them.
 */
inline change_to_offline(owns_claim, yields)
{
	if
	:: !all_are(ONLINE) || (!(owns_claim) && some_claimed()) -> result = FAILED
	:: else ->
	   memory_blocks_set_state(GOING_OFFLINE);
	   memory_blocks_set_progress(ME);
	   mem_hotplug_begin();
	   /* A page cannot be isolated, or a callback refuses. */
	   if
	   :: result = FAILED
	   :: ask(H_ONLINE, H_GOING)
	   fi;
	   if
	   :: result == OK ->
	      if
	      :: yields ->
		 atomic {
			mem_hotplug_done();
			memory_blocks_unlock();
			drop(device_hotplug_lock)
		 }
	      :: else
	      fi;
	      /* mhp_evacuate() ends in any case. */
	      if
	      :: result = OK
	      :: result = FAILED
	      :: cancel[_pid] -> result = FAILED
	      fi;
	      if
	      :: yields ->
		 take(device_hotplug_lock);
		 memory_blocks_lock();
		 mem_hotplug_begin()
	      :: else
	      fi;
	      atomic {
		if
		:: result == OK -> tell(H_GOING, H_READY); tell(H_READY, H_OFFLINE)
		:: else -> tell(H_GOING, H_ONLINE)
		fi
	      }
	   :: else
	   fi;
	   mem_hotplug_done();
	   memory_blocks_set_progress(0);
	   end_offline()
	fi
}

/* memory_blocks_take_offline() */
inline memory_blocks_take_offline(owns_claim)
{
	assert(device_hotplug_lock == ME);
	memory_blocks_lock();
	change_to_offline(owns_claim, true);
	memory_blocks_settle()
}

/*
 * memory_blocks_bring_online() with memory_block_may_go_online(), and mhp_online(): the steps
 * prepare, notify and publish. No lock is dropped.
 */
inline memory_blocks_bring_online()
{
	assert(device_hotplug_lock == ME);
	memory_blocks_lock();
	if
	:: !all_are(OFFLINE) || some_claimed() -> result = FAILED
	:: else ->
	   memory_blocks_set_state(GOING_ONLINE);
	   mem_hotplug_begin();
	   atomic {
		ask(H_OFFLINE, H_READY);
		if
		:: result == OK ->
		   ask(H_READY, H_COMING);
		   if
		   :: result == OK -> tell(H_COMING, H_ONLINE)
		   :: else -> tell(H_READY, H_OFFLINE)
		   fi
		:: else
		fi;
		mem_hotplug_done()
	   };
	   memory_blocks_set_state((result == OK -> ONLINE : OFFLINE))
	fi;
	memory_blocks_settle()
}

/* memory_ranges_gather(): the blocks of the table for which @wanted is true of the object. */
#define gather(first, wanted) \
	d_step { \
		k[0] = NONE; \
		k[1] = NONE; \
		for (n : first .. 1) { \
			object = table[n]; \
			if \
			:: object != NONE && (wanted) -> k[n] = object \
			:: else \
			fi \
		}; \
		object = NONE \
	}

#define is_online(object)	!o[object].offline
#define is_offline(object)	o[object].offline

/* memory_ranges_claim(): all blocks are checked before the first is claimed */
#define claimable(b)	(table[b] != NONE && !o[table[b]].claimed && \
			 (o[table[b]].state == ONLINE || o[table[b]].state == OFFLINE))
#define claim(b) \
	o[table[b]].claimed = true; \
	o[table[b]].claimed_online = !o[table[b]].offline

/* memory_ranges_release() of the blocks from @first on, with memory_ranges_restore() */
inline release(first)
{
	d_step {
		for (n : first .. 1) {
			if
			:: table[n] != NONE -> o[table[n]].claimed = false
			:: else
			fi
		}
	};
	gather(first, is_offline(object) && o[object].claimed_online);
	memory_blocks_bring_online();
	d_step {
		for (n : first .. 1) {
			if
			:: table[n] != NONE -> o[table[n]].claimed_online = false
			:: else
			fi
		}
	}
}

/* ---- Adding and removing: drivers/base/memory.c, memory_add.c ---- */

/* mhp_add(), memory_block_register(): a block has files before it is in the table. */
inline add_block(b)
{
	mem_hotplug_begin();
	d_step {
		object = nr_used;
		nr_used++;
		o[object].state = OFFLINE;
		o[object].offline = true;
		o[object].refs = 1;
		files[b] = object
	};
	table[b] = object;
	object = NONE;
	mem_hotplug_done()
}

/*
 * mhp_remove(), memory_block_unregister(): device_del() takes the device lock for a moment, then
 * waits for users of the files. The device lock is inside of mem_hotplug_lock here.
 */
inline remove_block(b)
{
	object = table[b];
	use(object);
	assert(heard[b] == H_OFFLINE && heard[2 + b] == H_OFFLINE);
	mem_hotplug_begin();
	table[b] = NONE;
	o[object].lock == 0;
	files[b] = NONE;
	o[object].users == 0;
	put(object);
	object = NONE;
	mem_hotplug_done()
}

/* memory_block_check_removal() */
#ifdef DEFECT_REMOVER_IGNORES_STATE
#define removable(b)	(table[b] != NONE)
#else
#define removable(b)	(table[b] != NONE && o[table[b]].state == OFFLINE)
#endif

/* ---- A writer of "state": state_store(), memory_block_user_request() ---- */

#if defined(SCENE_WRITERS) || defined(SCENE_REMOVER) || defined(SCENE_CORE) || \
    defined(SCENE_DRIVER) || defined(SCENE_EJECT) || defined(SCENE_VANISH) || \
    defined(SCENE_VANISH_WHILE_GOING)
proctype writer(byte b; bool off)
{
	REQUEST;
	byte mem;

	/* kernfs_get_active(), then sysfs_break_active_protection() */
	atomic {
		mem = files[b];
		if
		:: mem == NONE -> goto done
		:: else -> o[mem].users++
		fi
	};
	atomic {
		use(mem);
		o[mem].refs++;
#ifndef DEFECT_WRITER_KEEPS_PROTECTION
		o[mem].users--
#endif
	};
	/*
	 * memory_block_lock_for_user(): a signal may end the wait. It is not something that the
	 * writer can wait for, as it would hide a deadlock.
	 */
	if
	:: skip
	:: goto out
	fi;
	take(device_hotplug_lock);
#ifndef DEFECT_WRITER_DOES_NOT_CHECK
	/* memory_block_is_present() */
	if
	:: table[b] != mem -> drop(device_hotplug_lock); goto out
	:: else
	fi;
#endif
	use(mem);
	k[b] = mem;

	/* memory_block_fulfil(), memory_block_change_state() */
	if
	:: !off && o[mem].state == GOING_OFFLINE && !o[mem].claimed ->
#ifdef DEFECT_WRITER_CANCELS_LATE
	   drop(device_hotplug_lock);
#endif
	   /* memory_block_cancel(), with progress_lock held: not the request of who has claimed it */
	   atomic {
		use(mem);
		if
		:: o[mem].progress != 0 ->
		   assert(!o[mem].claimed);
		   cancel[o[mem].progress - 1] = true
		:: else
		fi
	   };
#ifndef DEFECT_WRITER_CANCELS_LATE
	   drop(device_hotplug_lock);
#endif
	   goto stay_online
	:: else ->
	   if
	   :: off == o[mem].offline && !o[mem].claimed && o[mem].state != LOST
	   :: else ->
	      if
	      :: off -> memory_blocks_take_offline(false)
	      :: else -> memory_blocks_bring_online()
	      fi
	   fi
	fi;
	drop(device_hotplug_lock);
	goto out;

stay_online:
	/* wait_event_interruptible(blocks_settled, ...), without a signal */
	do
	:: atomic { o[mem].state == GOING_OFFLINE && !o[mem].claimed -> asleep[_pid] = true };
	   !asleep[_pid]
	:: o[mem].state != GOING_OFFLINE || o[mem].claimed -> break
	od;

out:
	/* sysfs_unbreak_active_protection() */
#ifndef DEFECT_WRITER_KEEPS_PROTECTION
	o[mem].users++;
#endif
	put(mem);
#ifdef DEFECT_WRITER_TOUCHES_BLOCK
	use(mem);
#endif
	o[mem].users--;
done:
	skip
}
#endif

/* ---- /dev/memory_hotplug ---- */

#ifdef SCENE_DRIVER
/* request_change_memory() for both blocks; memory_ranges_offline() */
proctype request()
{
	REQUEST;

	take(device_hotplug_lock);
	if
	:: table[0] != NONE && table[1] != NONE ->
	   gather(0, is_online(object));
	   memory_blocks_take_offline(false)
	:: else
	fi;
	drop(device_hotplug_lock)
}
#endif

#ifdef SCENE_REMOVER
/* memory_block_walk_ids(), request_take_census() */
proctype question(byte b)
{
	byte mem;

	atomic {
		mem = table[b];
		if
		:: mem == NONE -> goto done
		:: else -> use(mem); o[mem].refs++
		fi
	};
	take(o[mem].lock);
	use(mem);
	assert(o[mem].offline == (o[mem].state == OFFLINE));
	drop(o[mem].lock);
	put(mem);
done:
	skip
}
#endif

/* ---- The driver core: device_offline(), memory_block_take_offline() ---- */

#ifdef SCENE_CORE
proctype core(byte b)
{
	REQUEST;

	take(device_hotplug_lock);
	gather(0, n == b);
	if
	:: k[b] != NONE ->
	   memory_blocks_lock();
	   if
	   :: !o[k[b]].offline ->
	      change_to_offline(false, false);
#ifndef DEFECT_CORE_WAKES_NOBODY
	      d_step { wake_up_settled() };
#endif
	      o[k[b]].offline = (o[k[b]].state == OFFLINE)
	   :: else
	   fi;
	   memory_blocks_unlock()
	:: else
	fi;
	drop(device_hotplug_lock)
}
#endif

/* ---- Drivers ---- */

#ifdef SCENE_REMOVER
/* kmem: remove_memory(), and later add_memory() */
proctype remover(byte b)
{
	byte object;

	take(device_hotplug_lock);
	if
	:: removable(b) ->
	   remove_block(b);
	   drop(device_hotplug_lock);
	   take(device_hotplug_lock);
	   add_block(b)
	:: else
	fi;
	drop(device_hotplug_lock)
}
#endif

#ifdef SCENE_DRIVER
/*
 * virtio-mem: virtio_mem_lock(), then memory_offline_and_remove() of block 1. Its mutex is that of
 * callback 0, which counts what is going offline.
 */
proctype driver()
{
	REQUEST;

	atomic { listener_mutex == 0 && heard[1] != H_GOING -> listener_mutex = ME };
#ifndef DEFECT_DRIVER_KEEPS_MUTEX
	drop(listener_mutex);
#endif
	take(device_hotplug_lock);
	if
	:: claimable(1) ->
	   atomic { claim(1) };
	   gather(1, is_online(object));
	   memory_blocks_take_offline(true);
	   if
	   :: result == OK && removable(1) -> remove_block(1)
	   :: else -> release(1)
	   fi
	:: else
	fi;
	drop(device_hotplug_lock);
#ifndef DEFECT_DRIVER_KEEPS_MUTEX
	atomic { listener_mutex == 0 && heard[1] != H_GOING -> listener_mutex = ME };
#endif
	drop(listener_mutex)
}
#endif

/* ---- The device of the firmware, with both blocks ---- */

#if defined(SCENE_EJECT) || defined(SCENE_TWO_EJECTS) || defined(SCENE_VANISH) || \
    defined(SCENE_VANISH_WHILE_GOING)
/* memory_block_lose(), mhp_lose() for block b */
inline lose(b)
{
	gather(0, n == b);
	if
	:: k[b] != NONE && o[k[b]].state == ONLINE ->
	   memory_blocks_lock();
	   memory_blocks_set_state(GOING_OFFLINE);
#ifdef DEFECT_FAILURE_UNDER_LOCK
	   mem_hotplug_begin();
	   take(mf_mutex);
#else
	   /* mhp_discard_begin() gives up after a while. */
	   if
	   :: take(mf_mutex)
	   :: mf_mutex != 0
	   fi;
	   mem_hotplug_begin();
#endif
	   ask(H_ONLINE, H_GOING);
	   if
	   :: result == OK ->
	      if
	      :: tell(H_GOING, H_READY); tell(H_READY, H_OFFLINE)
	      :: result = FAILED; tell(H_GOING, H_ONLINE)
	      fi
	   :: else
	   fi;
	   mem_hotplug_done();
	   if
	   :: mf_mutex == ME -> drop(mf_mutex)
	   :: else
	   fi;
	   memory_blocks_set_state((result == OK -> OFFLINE : LOST));
	   memory_blocks_settle()
	:: k[b] != NONE && o[k[b]].state == GOING_OFFLINE ->
	   memory_blocks_lock();
	   memory_blocks_set_state(LOST);
	   atomic {
		if
		:: o[k[b]].progress != 0 -> cancel[o[k[b]].progress - 1] = true
		:: else
		fi
	   };
	   memory_blocks_settle()
	:: else
	fi
}

inline remove_if_offline(b)
{
	if
	:: removable(b) -> remove_block(b)
	:: else
	fi
}

/* acpi_dimm_detach(), acpi_dimm_range_remove() */
inline detach()
{
	if
	:: removable(0) && removable(1)
	:: else -> lose(0); lose(1)
	fi;
	remove_if_offline(0);
	remove_if_offline(1);
	attached = false
}

/* acpi_scan_check_and_detach() for a check of the container: acpi_memory_eject_defers() */
inline check_device()
{
	if
	:: eject_state == PENDING ->
	   again = true;
	   if
	   :: vanished -> cancel[eject_task] = true
	   :: else
	   fi
	:: eject_state != PENDING && vanished && attached -> detach()
	:: else
	fi
}
#endif

#if defined(SCENE_TWO_EJECTS) || defined(SCENE_VANISH) || defined(SCENE_VANISH_WHILE_GOING)
/* acpi_device_hotplug() for a check */
proctype vanish()
{
	REQUEST;

	vanished = true;
	take(device_hotplug_lock);
	take(acpi_scan_lock);
	check_device();
	drop(acpi_scan_lock);
	drop(device_hotplug_lock)
}
#endif

#ifdef SCENE_VANISH
/*
 * soft_offline_page() of 6.12: mm/memory-failure.c. The series has a walk in the place of
 * mem_hotplug_lock, but whoever handles a failure may take that lock within mf_mutex.
 */
proctype soft_offline()
{
	take(mf_mutex);
	atomic { mem_hotplug_lock == 0 -> mem_hotplug_readers++ };
	mem_hotplug_readers--;
	drop(mf_mutex)
}
#endif

#if defined(SCENE_EJECT) || defined(SCENE_TWO_EJECTS)
/* acpi_device_hotplug() for an eject: acpi_memory_eject(), then acpi_eject_work() */
proctype eject()
{
	REQUEST;
	bool queued;

	take(device_hotplug_lock);
	take(acpi_scan_lock);
	if
	:: eject_state != PENDING && eject_state != LEAVING && attached ->
	   /* acpi_eject_request(), acpi_eject_start() */
	   take(turn);
	   atomic {
		if
		:: claimable(0) && claimable(1) ->
		   claim(0);
		   claim(1);
		   eject_state = PENDING;
		   eject_task = _pid;
		   again = false;
		   queued = true
		:: else
		fi
	   };
	   drop(turn)
	:: else
	fi;
	drop(acpi_scan_lock);
	drop(device_hotplug_lock);
	if
	:: !queued -> goto done
	:: else
	fi;

	/* acpi_eject_attempts(), acpi_eject_offline() */
	take(device_hotplug_lock);
#ifdef DEFECT_EJECT_KEEPS_SCAN_LOCK
	take(acpi_scan_lock);
#endif
	if
	:: cancel[_pid] -> result = FAILED
	:: else ->
	   gather(0, is_online(object));
	   memory_blocks_take_offline(true)
	fi;
#ifndef DEFECT_EJECT_KEEPS_SCAN_LOCK
	take(acpi_scan_lock);
#endif
	/* acpi_eject_leave() */
	if
	:: result == OK ->
	   take(turn);
	   if
	   :: cancel[_pid] && !vanished -> result = FAILED
	   :: else -> eject_state = LEAVING
	   fi;
	   drop(turn)
	:: else
	fi;
	/* acpi_eject_detach(): another device of the container may not go offline. */
	if
	:: result == OK ->
	   if
	   :: result = FAILED
	   :: assert(removable(0) && removable(1));
	      remove_block(0);
	      remove_block(1);
	      attached = false;
	      /* _EJ0 succeeds, or the firmware keeps the device: acpi_scan_again() */
	      if
	      :: skip
	      :: add_block(0);
		 add_block(1);
		 attached = true;
		 gather(0, true);
		 memory_blocks_bring_online();
		 result = FAILED
	      fi
	   fi
	:: else
	fi;
	/* acpi_eject_restore(), acpi_eject_over() */
	if
	:: result != OK -> release(0)
	:: else
	fi;
	take(turn);
	eject_state = OVER;
	drop(turn);
	if
	:: result != OK && again -> check_device()
	:: else
	fi;
	drop(acpi_scan_lock);
	drop(device_hotplug_lock);
done:
	skip
}
#endif

#ifdef SCENE_EJECT
/* A writer of "eject_status": eject_status_store(), acpi_eject_cancel() */
proctype eject_cancel()
{
	take(turn);
	if
	:: eject_state == PENDING -> cancel[eject_task] = true
	:: else
	fi;
	drop(turn)
}
#endif

/* ---- Scenes ---- */

#define boot_block(b, s, h) \
	o[b].state = s; \
	o[b].offline = (s == OFFLINE); \
	o[b].refs = 1; \
	table[b] = b; \
	files[b] = b; \
	heard[b] = h; \
	heard[2 + b] = h

#define check_block(b) \
	mem = table[b]; \
	assert(files[b] == mem); \
	if \
	:: mem != NONE -> \
	   use(mem); \
	   assert(o[mem].refs == 1 && o[mem].users == 0 && o[mem].progress == 0); \
	   assert(!o[mem].claimed && !o[mem].claimed_online); \
	   assert(o[mem].state == ONLINE || o[mem].state == OFFLINE || o[mem].state == LOST); \
	   assert(o[mem].offline == (o[mem].state == OFFLINE)); \
	   assert(heard[b] == heard[2 + b]); \
	   /* A block that was lost while it was going offline can be either. */ \
	   assert(heard[b] == H_OFFLINE || o[mem].state != OFFLINE); \
	   assert(heard[b] == H_ONLINE || o[mem].state != ONLINE); \
	   /* A lost block stays, as somebody uses its pages, or its device has gone. */ \
	   assert(attached || o[mem].state == LOST) \
	:: else \
	fi

init
{
	byte mem;

	atomic {
		nr_used = 2;
		boot_block(0, ONLINE, H_ONLINE);
		if
		:: boot_block(1, ONLINE, H_ONLINE)
		:: boot_block(1, OFFLINE, H_OFFLINE)
		fi;
#if defined(SCENE_WRITERS)
		run writer(0, true);
		run writer(0, false);
		run writer(1, true)
#elif defined(SCENE_REMOVER)
		run writer(0, true);
		run writer(0, false);
		run remover(0);
		run question(0)
#elif defined(SCENE_CORE)
		run writer(0, true);
		run writer(0, false);
		run core(0)
#elif defined(SCENE_DRIVER)
		run driver();
		run request();
		run writer(1, false)
#elif defined(SCENE_EJECT)
		run eject();
		run eject_cancel();
		if
		:: run writer(0, true)
		:: run writer(0, false)
		fi
#elif defined(SCENE_TWO_EJECTS)
		run eject();
		run eject();
		run vanish()
#elif defined(SCENE_VANISH)
		run vanish();
		run soft_offline();
		run writer(1, false)
#elif defined(SCENE_VANISH_WHILE_GOING)
		run vanish();
		run writer(0, true)
#endif
	};
	_nr_pr == 1;
	check_block(0);
	check_block(1)
}
