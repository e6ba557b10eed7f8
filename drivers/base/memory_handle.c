// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/memory_hotplug: one open file is one request for memory blocks.
 *
 * Writing a line makes the request (parsed by memory_order.c), which runs in a thread of its own.
 * Reading gives the lines of the answer: progress while pages are moved, a line for each block,
 * and one for the whole request. "cancel", or closing the file, undoes a running request; closing
 * does not wait for that.
 *
 * Owns the file and the thread; memory_request.c owns the request. The file and the thread have
 * a reference to the handle each, and dropping the last one frees it.
 *
 * Locks: the mutex writing serializes writers, the mutex reading readers, which hold it while they
 * wait for the answer. Neither is taken by the thread, nor with any other lock held.
 */
#define pr_fmt(fmt) "memory: " fmt

#include <linux/capability.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/memory.h>
#include <linux/mhp.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>
#include <linux/wait.h>

#include "memory_request.h"

/* The longest request. A list of every other block of 20,000 blocks fits. */
#define MAX_TEXT	SZ_64K
/* Maximum size of a line of an answer. */
#define MAX_LINE	PAGE_SIZE
/* Interval between two lines with progress, in jiffies. */
#define TICK		(HZ / 10)

/**
 * struct memory_handle - an open file
 * @ref: references of the file, and of the thread while it is running
 * @writing: serializes writers
 * @reading: serializes readers
 * @request: the request; set once, NULL before
 * @ended: the request has ended, and its answer can be read
 * @wait: for readers that wait for a line
 * @timer: polls for progress while there is no line to read
 * @progressed: there is progress that was not read yet
 * @progress: the progress of the last line; used by the timer while @progressed is false
 * @next: position of the next line of the answer
 * @line: the line that is being read
 * @len: length of @line in bytes
 * @pos: number of bytes of @line that have been read
 */
struct memory_handle {
	struct kref ref;
	struct mutex writing, reading;
	struct memory_request *request;
	bool ended;
	wait_queue_head_t wait;
	struct timer_list timer;
	bool progressed;
	struct mhp_progress progress;
	unsigned long next;
	char *line;
	size_t len, pos;
};

static struct miscdevice memory_misc;

static void memory_handle_free(struct kref *ref)
{
	struct memory_handle *h = container_of(ref, struct memory_handle, ref);

	timer_shutdown_sync(&h->timer);
	if (h->request)
		memory_request_free(h->request);
	kfree(h->line);
	kfree(h);
}

/* ---- Running a request -------------------------------------------------- */

static void memory_handle_tick(struct timer_list *timer)
{
	struct memory_handle *h = from_timer(h, timer, timer);

	if (!memory_request_progress(h->request, &h->progress)) {
		mod_timer(&h->timer, jiffies + TICK);
		return;
	}
	/* Pairs with memory_handle_has_progress(). */
	smp_store_release(&h->progressed, true);
	wake_up_interruptible(&h->wait);
}

/* Sends one uevent for the whole request, in addition to those of the blocks. */
static void memory_handle_send_event(const struct memory_request *req)
{
	const struct memory_request_end end = memory_request_end(req);
	char verb[24], bytes[32], result[24], reason[32];
	char *env[5] = { verb, bytes, result, reason, NULL };

	if (!memory_request_changes_memory(req))
		return;
	snprintf(verb, sizeof(verb), "VERB=%s", end.verb);
	snprintf(bytes, sizeof(bytes), "BYTES=%llu", end.bytes);
	snprintf(result, sizeof(result), "RESULT=%s", end.result);
	snprintf(reason, sizeof(reason), "REASON=%s", end.reason);
	kobject_uevent_env(&memory_misc.this_device->kobj, KOBJ_CHANGE, env);
}

static int memory_handle_thread(void *data)
{
	struct memory_handle *h = data;

	set_freezable();
	memory_request_run(h->request);
	timer_shutdown_sync(&h->timer);
	memory_handle_send_event(h->request);
	/* Pairs with memory_handle_has_ended(). */
	smp_store_release(&h->ended, true);
	wake_up_interruptible(&h->wait);
	kref_put(&h->ref, memory_handle_free);
	return 0;
}

/* @order refers to @text, which is freed with the request, and after an error. */
static int memory_handle_begin(struct memory_handle *h, const struct memory_order *order,
			       char *text)
{
	struct memory_request *req;
	struct task_struct *task;

	guard(mutex)(&h->writing);
	if (h->request) {
		kvfree(text);
		return -EBUSY;
	}
	req = memory_request_create(order, text);
	if (IS_ERR(req))
		return PTR_ERR(req);
	task = kthread_create(memory_handle_thread, h, "memory_request");
	if (IS_ERR(task)) {
		memory_request_free(req);
		return PTR_ERR(task);
	}
	/* The request gets CPU time where its writer does, and no sooner. */
	set_cpus_allowed_ptr(task, current->cpus_ptr);
	set_user_nice(task, task_nice(current));
	kref_get(&h->ref);
	/* Pairs with memory_handle_request(). */
	smp_store_release(&h->request, req);
	if (order->verb == MEMORY_VERB_OFFLINE)
		mod_timer(&h->timer, jiffies + TICK);
	wake_up_process(task);
	return 0;
}

static struct memory_request *memory_handle_request(const struct memory_handle *h)
{
	/* Pairs with memory_handle_begin(). */
	return smp_load_acquire(&h->request);
}

/* ---- Writing ------------------------------------------------------------ */

/* The text must be a single line, with or without a newline at its end. */
static bool is_one_line(const char *text, size_t len)
{
	const char *newline = strchr(text, '\n');

	return strlen(text) == len && (!newline || newline == text + len - 1);
}

static ssize_t memory_handle_write(struct file *file, const char __user *buf, size_t count,
				   loff_t *pos)
{
	struct memory_handle *h = file->private_data;
	struct memory_order order;
	int err;

	if (!count || count > MAX_TEXT)
		return -EINVAL;

	char *text __free(kvfree) = kvmalloc(count + 1, GFP_KERNEL_ACCOUNT);
	if (!text)
		return -ENOMEM;
	if (copy_from_user(text, buf, count))
		return -EFAULT;
	text[count] = '\0';
	if (!is_one_line(text, count))
		return -EINVAL;
	err = memory_parse_order(text, memory_block_size_bytes(), &order);
	if (err)
		return err;
	if (order.verb != MEMORY_VERB_CANCEL) {
		err = memory_handle_begin(h, &order, no_free_ptr(text));
		return err ?: count;
	}
	if (!memory_handle_request(h))
		return -EINVAL;
	memory_request_cancel(h->request);
	return count;
}

/* ---- Reading ------------------------------------------------------------ */

static bool memory_handle_has_ended(const struct memory_handle *h)
{
	/* Pairs with memory_handle_thread(). */
	return smp_load_acquire(&h->ended);
}

static bool memory_handle_has_progress(const struct memory_handle *h)
{
	/* Pairs with memory_handle_tick(). */
	return smp_load_acquire(&h->progressed);
}

/* Is there another line after the one that is being read? */
static bool memory_handle_has_line(const struct memory_handle *h)
{
	if (memory_handle_has_progress(h))
		return true;
	return memory_handle_has_ended(h) &&
	       memory_request_has_line(h->request, READ_ONCE(h->next));
}

static bool memory_handle_wants_reader(const struct memory_handle *h)
{
	return memory_handle_has_line(h) || memory_handle_has_ended(h);
}

static void memory_handle_make_line(struct memory_handle *h)
{
	unsigned long next = h->next;

	if (memory_handle_has_progress(h)) {
		memory_request_progress(h->request, &h->progress);
		h->len = memory_request_progress_line(h->request, &h->progress, h->line, MAX_LINE);
		WRITE_ONCE(h->progressed, false);
		/* This does nothing if the request has ended. */
		mod_timer(&h->timer, jiffies + TICK);
		return;
	}
	h->len = memory_request_line(h->request, &next, h->line, MAX_LINE);
	WRITE_ONCE(h->next, next);
}

/* Returns 1 if there is a line to read, 0 at the end of the answer, or an error code. */
static int memory_handle_next_line(struct memory_handle *h, bool may_wait)
{
	if (h->pos < h->len)
		return 1;
	if (!memory_handle_wants_reader(h)) {
		if (!may_wait)
			return -EAGAIN;
		if (wait_event_interruptible(h->wait, memory_handle_wants_reader(h)))
			return -ERESTARTSYS;
	}
	if (!memory_handle_has_line(h))
		return 0;
	h->pos = 0;
	memory_handle_make_line(h);
	return 1;
}

/* Copies as many whole lines as fit, or a part of a line that does not fit. */
static ssize_t memory_handle_copy_lines(struct memory_handle *h, char __user *buf, size_t count,
					bool may_wait)
{
	size_t copied = 0, len;
	int ret;

	while (copied < count) {
		ret = memory_handle_next_line(h, may_wait && !copied);
		if (ret <= 0)
			return copied ?: ret;
		len = h->len - h->pos;
		if (len > count - copied && copied)
			break;
		len = min(len, count - copied);
		if (copy_to_user(buf + copied, h->line + h->pos, len))
			return copied ?: -EFAULT;
		WRITE_ONCE(h->pos, h->pos + len);
		copied += len;
		cond_resched();
	}
	return copied;
}

static ssize_t memory_handle_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct memory_handle *h = file->private_data;
	bool may_wait = !(file->f_flags & O_NONBLOCK);
	ssize_t ret;

	/* There is no request and there will be none. */
	if (!(file->f_mode & FMODE_WRITE))
		return 0;
	if (!may_wait && !mutex_trylock(&h->reading))
		return -EAGAIN;
	if (may_wait && mutex_lock_interruptible(&h->reading))
		return -ERESTARTSYS;
	ret = memory_handle_copy_lines(h, buf, count, may_wait);
	mutex_unlock(&h->reading);
	return ret;
}

static __poll_t memory_handle_poll(struct file *file, poll_table *table)
{
	struct memory_handle *h = file->private_data;

	poll_wait(file, &h->wait, table);
	if (!memory_handle_request(h))
		return EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(h->pos) < READ_ONCE(h->len) || memory_handle_has_line(h))
		return EPOLLIN | EPOLLRDNORM;
	return memory_handle_has_ended(h) ? EPOLLHUP : 0;
}

/* ---- The file ----------------------------------------------------------- */

/*
 * The administrator, or a user of the initial user namespace to whom root has given the file by
 * its owner, its mode or an ACL. The root of a container is neither: it owns the file only
 * because of its number.
 */
static bool memory_handle_may_open(void)
{
	if (capable(CAP_SYS_ADMIN))
		return true;
	return current_user_ns() == &init_user_ns && !uid_eq(current_fsuid(), GLOBAL_ROOT_UID);
}

static int memory_handle_open(struct inode *inode, struct file *file)
{
	struct memory_handle *h;

	if (!memory_handle_may_open())
		return -EPERM;
	h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	if (!h)
		return -ENOMEM;
	h->line = kmalloc(MAX_LINE, GFP_KERNEL_ACCOUNT);
	if (!h->line) {
		kfree(h);
		return -ENOMEM;
	}
	kref_init(&h->ref);
	mutex_init(&h->writing);
	mutex_init(&h->reading);
	init_waitqueue_head(&h->wait);
	timer_setup(&h->timer, memory_handle_tick, 0);
	file->private_data = h;
	return stream_open(inode, file);
}

static int memory_handle_release(struct inode *inode, struct file *file)
{
	struct memory_handle *h = file->private_data;

	if (h->request)
		memory_request_cancel(h->request);
	kref_put(&h->ref, memory_handle_free);
	return 0;
}

static const struct file_operations memory_handle_fops = {
	.owner = THIS_MODULE,
	.open = memory_handle_open,
	.release = memory_handle_release,
	.read = memory_handle_read,
	.write = memory_handle_write,
	.poll = memory_handle_poll,
};

static struct miscdevice memory_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "memory_hotplug",
	.fops = &memory_handle_fops,
	.mode = 0600,
};

static int __init memory_handle_init(void)
{
	int err = misc_register(&memory_misc);

	if (err)
		pr_err("no /dev/memory_hotplug: %d\n", err);
	return err;
}
device_initcall(memory_handle_init);
