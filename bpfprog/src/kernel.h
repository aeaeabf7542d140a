/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of kernel structures that usage.bpf.c looks at. Offsets are those of the running kernel: the loader
 * relocates every access by the kernel's BTF (CO-RE).
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;
typedef u16 __u16;
typedef u32 __u32;
typedef u64 __u64;
typedef s32 __s32;
typedef s64 __s64;
typedef u8 __u8;
typedef u16 __be16;
typedef u32 __be32;
typedef u32 __wsum;
typedef _Bool bool;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct signal_struct {
	int nr_threads;
};

struct rq {
	u64 clock;
};

struct cfs_rq {
	struct rq *rq;
};

struct sched_entity {
	struct cfs_rq *cfs_rq;
};

struct task_struct {
	unsigned int flags;
	unsigned int __state;
	int pid;
	int tgid;
	int on_cpu;
	struct sched_entity se;
	u64 start_time;
	char comm[16];
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

/* Before Linux 5.14. */
struct task_struct___before_5_14 {
	long state;
};

/* Since Linux 6.1; before, a cgroup had the IDs of its ancestors. */
struct cgroup___since_6_1 {
	struct cgroup *ancestors[0];
};

struct cgroup___before_6_1 {
	u64 ancestor_ids[0];
};

struct seq_file {
	u64 index;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* UAPI: linux/bpf.h, linux/sched.h, include/linux/sched.h */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_F_NO_PREALLOC = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
};
#define BPF_F_CURRENT_CPU 0xffffffffULL
#define PF_KTHREAD 0x00200000
#define TASK_DEAD 0x80
#define CLONE_THREAD 0x00010000

struct bpf_perf_event_value {
	u64 counter;
	u64 enabled;
	u64 running;
};
