// SPDX-License-Identifier: GPL-2.0
/*
 * Another user of set_online_page_callback(), besides balloons and virtio-mem. It counts the
 * pages for which it is called, and passes all of them to the page allocator.
 *
 *	/sys/kernel/debug/mhp_callback	"pages N"
 */
#include <linux/debugfs.h>
#include <linux/memory_hotplug.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static struct dentry *file;
static atomic_long_t pages = ATOMIC_LONG_INIT(0);

static void mhp_callback_count(struct page *page, unsigned int order)
{
	atomic_long_add(1L << order, &pages);
	generic_online_page(page, order);
}

static int mhp_callback_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "pages %ld\n", atomic_long_read(&pages));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mhp_callback);

static int __init mhp_callback_init(void)
{
	int err = set_online_page_callback(mhp_callback_count);

	if (err)
		return err;
	file = debugfs_create_file("mhp_callback", 0400, NULL, NULL, &mhp_callback_fops);
	return 0;
}
module_init(mhp_callback_init);

static void __exit mhp_callback_exit(void)
{
	debugfs_remove(file);
	restore_online_page_callback(mhp_callback_count);
}
module_exit(mhp_callback_exit);

MODULE_DESCRIPTION("Test module: counts pages that come online");
MODULE_LICENSE("GPL");
