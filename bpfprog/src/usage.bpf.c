// SPDX-License-Identifier: GPL-2.0
/*
 * usage: who ran on which package, for how long, at what weight, and how many joules of the package's counters
 * fall to it. Nothing goes to user space at a switch: accounts are kept here and read at the end of an interval.
 *
 * A place is a package, or a die of one, with counters of its own. Its time is cut into intervals, each of which
 * ends when close_place() sees the place's counters moved. To each interval belong its energy, its length and the
 * weight of all that ran in it; what falls to a task is its part of that weight.
 *
 * Every CPU has a coordinate: the weight of all that has run on it so far. A boundary between two intervals is a
 * point on it, so a task that runs across boundaries is charged by where they lie between the coordinates at which
 * it began and ended, at the cost of one interval however many there were: boundaries carry, beside their point,
 * the energy that has fallen to the CPU up to there.
 *
 * Whoever closes an interval can't stop the other CPUs. It takes what runs there for as heavy as it last was per
 * nanosecond; the CPU itself settles the difference at its next switch, in the interval after.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#define MAX_CPUS 1024
#define MAX_PLACES 32
#define DOMAINS 4 /* package, core, uncore, dram */
#define RING 2048
#define ROWS (1 << 14) /* a power of two; there may be fewer */
#define BINS 8
#define MOST (1ull << 43) /* counts of an interval: 2 kJ in a fraction of a second are no work of anybody's */
#define MEMORY (1ull << 20) /* ns over which a CPU's weight per ns is averaged */
#define LONGEST (3ull << 20) /* ns after which a timer's interrupt ends a slice: what it weighs per ns is to be known */
#define SLICES 8 /* that a look back in time knows, a power of two */
#define COMPARE (1ull << 20) /* ns after which the scheduler's clock is compared with the time again */
#define SHORT (1ull << 15) /* ns that a slice lasts at most whose end is told by the scheduler's clock */
#define STEP 1000 /* ns, the most that one comparison adds */
#define FARTHEST (1 << 20) /* ns that they are apart for reasons that pass */
#define MANY 8 /* refreshes between two looks of which it is still known how many they were */
#define STILL 64 /* refreshes of an idle machine after which its power is known, and that it can be told for */
#define STATES 12 /* idle states with a line of their own; deeper ones share the last */

enum party { TARGET, OTHERS, KERNEL, TOOL, PARTIES, NOBODY = PARTIES };

/* ---- set by the loader ---- */

const volatile u32 n_cpus = 1;		/* possible */
const volatile u32 n_places = 1;
const volatile u32 tool = 0;		/* this program's process */
const volatile bool use_cycles = 0;
const volatile bool use_frequency = 0;	/* weigh time by the frequency last announced */
const volatile bool use_siblings = 0;
const volatile u32 half_rho = 589;	/* weight of a thread whose sibling runs too, of 1024: rho/2 */
const volatile bool thread_lines = 0;	/* threads that have ended get a line too */

/* The target, known later than the programs are loaded. */
u32 root;		/* its first process; 0: by cgroup, or all */
u64 root_cgroup;	/* ID of its cgroup */
bool whole_machine;	/* every program */
u64 look_ns;		/* between two looks at the counters */

/* Energies are counts of 2^-32 J, as the power PMU's, and FRACTION bits more; rates are energy per weight. */
#define FRACTION 4
#define RATE_BITS 20

struct sums {
	u64 weight;
	u64 ns;			/* the place's time, by weight, with FRACTION bits */
	u64 energy[DOMAINS];	/* with FRACTION bits */
};

/* What a task did on one place. */
struct account {
	u64 cpu_ns;
	struct sums s;
	u64 cycles, instructions;
};

struct boundary {
	u64 k;		/* intervals closed up to here */
	u64 at;		/* coordinate */
	u64 ns;		/* what has fallen to this CPU up to here, as in sums */
	u64 energy[DOMAINS];
};

/* A slice that has ended. */
struct slice {
	u64 since, weight;
	u32 party, pad;
};

/* What a switch always touches comes first and together: between two switches other code has taken the caches. */
struct cpu {
	u64 seq;	/* odd while the CPU itself writes; of what the closer reads */
	u64 since;	/* the present slice began */
	u64 coord[PARTIES];
	u64 busy_ns;	/* slices that have ended */
	u32 party;	/* who runs: NOBODY when idle */
	u32 place;	/* n_places: belongs to none */

	u64 k;		/* the closer's: how many boundaries it has set */
	u64 seen[PARTIES]; /* the closer's: up to the last boundary */
	u64 from_n;	/* k at since */
	u64 from_k;	/* and the interval that began with the boundary before */
	u64 began;	/* coordinate at since, of all parties */

	u64 party_ns[PARTIES];
	u64 slices;	/* that have ended */
	u64 switches;
	u64 clock_at;	/* the scheduler's clock when it was last compared */
	s64 clock_off;	/* what it takes to make it the time */
	u64 irq_ns;	/* of the present slice */
	u32 irq_depth;
	s32 sibling;	/* the CPU on the same core, -1 for none */

	struct slice last[SLICES]; /* the last ones, in turn */

	u64 rate;	/* weight per ns of late, with 16 bits of fraction */
	u64 cycles, instructions; /* readings at since */
	u64 sibling_ns;		/* the sibling's busy time at since */
	u64 freq_at;		/* turns are known up to here */
	u64 turns;		/* time by frequency since the present slice began */
	u32 freq;		/* kHz, 0 for unknown */
	u32 idle_state;		/* 0 for none, else state + 1 */
	u64 party_cycles[PARTIES], party_instructions[PARTIES];

	u64 irq_began, irq_total;
	u64 idle_since, idle_ns[STATES], idle_entries[STATES];
	u64 freq_changes;
	u64 to_n, reached, whole, slice_ns; /* of a slice that lasted across boundaries: k and the coordinate at its end, its
					       weight, its time without interrupts */
	u64 clock_odd;	/* comparisons in a row that were far off */
	u32 settling, pad;	/* settle_cpu() is at work, which a timer may interrupt */

	struct boundary from;	/* the last boundary at since */
	struct boundary bounds[2]; /* the closer's: the one before the next, by parity of k */
	u64 seen_busy;		/* the closer's, as seen */
	u64 dx[PARTIES];
};

struct bin {
	u64 ns, busy_ns, energy[DOMAINS];
};

struct place {
	u64 k;			/* intervals closed */
	u64 at;			/* when the last one was */
	u64 ready;		/* counters holds something */
	u64 counters[DOMAINS];
	u64 cpus;
	struct sums parties[PARTIES + 1]; /* and nobody */
	struct bin bins[BINS];
	u64 ns, energy[DOMAINS];	/* of all intervals */
	u64 missed;			/* readings that failed */
	u64 busy;			/* its counters are being read, or its interval ended */
	u64 period;			/* between two refreshes of the counters, ns; 0 while it is not known */
	s64 owed;			/* time that went by and is in no interval yet, ns */
	u64 looked;			/* the last look at the counters */
	u64 blind;			/* the last look was late */
	u64 refreshes;			/* that there were up to it, 0: nobody knows how many */
	u64 still_ns, still_energy;	/* of intervals in which nobody ran, the package's */
	u64 still;			/* nor did more than next to nobody in the last one */
};

struct rate {
	u64 k, weight, ns, energy[DOMAINS];
};

#define NO_ROW 0xffffffff
#define TAKEN 1 /* in place of an owner, while a row is made ready */

struct task {
	u64 cgroup;
	u64 process_start;
	u32 threads, live; /* of a group's leader */
	u32 over; /* it has ended, and user space knows */
	u32 row;	/* in tasks: where the record is instead, plus one; NO_ROW: here; 0: not decided */
	/* what a switch touches */
	u64 owner;	/* the address of its task; in rows, 0: nobody's */
	u64 css;	/* the set of groups that party and cgroup were told from */
	u32 party;
	u32 place;	/* of what is pending */
	u64 pending, pending_k, pending_ns; /* weight of interval pending_k, and the CPU time that it is of */
	struct account accounts[]; /* by place */
};

/* What identifies a process. */
struct process {
	u64 start;
	u32 pid, pad;
};

/* One line for user space: header, then accounts. What is pending joins the accounts when its interval has ended. */
struct line {
	u32 pid, tgid, ppid, party;
	u64 start, cgroup;
	u32 threads, kind;
	char comm[16];
	u64 pending, pending_k, pending_ns;
	u32 place, pad;
};

enum { LIVING, ENDED_PROCESS, ENDED_THREAD };

/* Keeps the description of the type in the object. */
const struct line *unused_line __attribute__((unused));
const struct account *unused_account __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING);
	__type(key, u32);
	__type(value, struct rate);
} rates SEC(".maps");

/*
 * The records of tasks. A task's row is that of its number, so that a few instructions find it, and those who have been
 * started together, who often wake one another up, lie together. Who finds its row taken has its record in the map after
 * this, which the kernel takes longer to look through. The loader sets how large values are, and how many there are.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct task);
} rows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} cycles SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} instructions SEC(".maps");

/* The counters of each place. One map could not hold more events than the machine has CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} power_package SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} power_core SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} power_uncore SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} power_dram SEC(".maps");

/*
 * By process: the accounts of its threads that have ended. They don't go to the leader's record: when a thread runs for
 * the last time its leader may be gone already. The loader sets how large a value is.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct process);
	__type(value, struct task); /* pending and accounts of it */
} past SEC(".maps");

/* Makes a value of past. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct task);
} nothing SEC(".maps");

/* Processes that have ended. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ended SEC(".maps");

u64 lost_processes;	/* ended, and no room in the ring */
u64 lost_threads;	/* ended, and no room in the ring or in past */
u64 lost_tasks;		/* no memory for a record */
u64 unread;		/* slices whose cycles could not be read */

#define barrier() asm volatile("" ::: "memory")
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define GLOBAL __attribute__((noinline))
#define keep(x) asm volatile("" : "+r"(x))

static u32 min32(u32 a, u32 b) { return a < b ? a : b; }

static struct cpu *cpu_at(u32 i) { return bpf_map_lookup_elem(&cpus, &i); }

/* ---- reading ---- */

static u64 count(void *map, u64 index)
{
	struct bpf_perf_event_value v;

	if (bpf_perf_event_read_value(map, index, &v, sizeof(v)))
		return 0;
	return v.counter;
}

/* The busy time of a CPU up to now, as seen from another one. */
static u64 busy_of(struct cpu *c, u64 now)
{
	u64 busy = c->busy_ns, since = c->since;

	if (c->party < PARTIES && since && now > since)
		busy += now - since;
	return busy;
}

/* Time by frequency (GHz, nearly) since the last call. */
static u64 turn(struct cpu *c, u64 now)
{
	u64 turns = c->turns;

	if (now > c->freq_at)
		turns += (now - c->freq_at) * (c->freq >> 4) >> 16;
	c->freq_at = now;
	c->turns = 0;
	return turns;
}

/* The weight of work done in dt ns, of which shared ns went by with the sibling at work too. */
static u64 weigh(u64 work, u64 dt, u64 shared)
{
	if (use_siblings && dt) {
		if (shared > dt)
			shared = dt;
		/* a part of 1024 keeps the product within 64 bits */
		u64 part = shared * 1024 / dt;

		work -= (work * part >> 10) * (1024 - half_rho) >> 10;
	}
	return work;
}

/* ---- charging ---- */

static struct account *account_of(struct task *t, u32 place)
{
	u64 i = place;

	if (i >= n_places)
		return 0;
	keep(i); /* the address must be made of the number that was checked */
	return &t->accounts[i];
}

static struct rate *rate_of(u32 place, u64 k)
{
	u32 i = place * RING + (u32)(k % RING);

	return bpf_map_lookup_elem(&rates, &i);
}

/*
 * Functions that are not static are a matter of their own for the verifier, too, which goes through them once, and not by
 * every way that leads to them. It halves what on_switch takes to load.
 */

/* What waits for the end of its interval joins account a, which is that of its place, once that has come. */
GLOBAL int join(struct task *t, struct account *a)
{
	struct rate *r;
	struct place *pl;
	u64 w, k;
	u32 p;

	if (!t || !a)
		return 0;
	p = t->place;
	w = __sync_lock_test_and_set(&t->pending, 0);
	t->pending_ns = 0;
	k = t->pending_k;
	if (!w)
		return 0;
	pl = bpf_map_lookup_elem(&places, &p);
	if (!pl)
		return 0;
	/* Not closed yet, as when a task moves to another package: as much as in the interval before. */
	if (k >= pl->k && k)
		k = pl->k - 1;
	/* Asleep for longer than rates are kept: it is a fraction of a millisecond, the newest rate will do. */
	if (pl->k - k > RING - 8)
		k = pl->k - 1;
	r = rate_of(p, k);
	if (!r || r->k != k)
		return 0;
	/* Nobody has more of an interval than all of it, whatever was taken for its weight. */
	if (w > r->weight)
		w = r->weight;
	a->s.ns += w * r->ns >> (RATE_BITS - FRACTION);
	for (int d = 0; d < DOMAINS; d++)
		a->s.energy[d] += w * r->energy[d] >> (RATE_BITS - FRACTION);
	return 0;
}

static void settle(struct task *t)
{
	struct account *a = account_of(t, t->place);

	if (a)
		join(t, a);
}

static bool has_closed(struct task *t)
{
	u32 p = t->place;
	struct place *pl = bpf_map_lookup_elem(&places, &p);

	return pl && pl->k > t->pending_k;
}

/*
 * Charge a slice on CPU c that lasted across boundaries, up to coordinate c->reached, to account a of task t. Part of its
 * weight, c->whole, is the task's, the rest was interrupts.
 */
GLOBAL int charge_across(struct cpu *c, struct task *t, struct account *a, u64 part)
{
	struct boundary to;
	u64 ns, e[DOMAINS], w, whole;
	u32 place;

	if (!c || !t || !a)
		return 0;
	to = c->bounds[c->to_n & 1];
	place = c->place;
	whole = c->whole;
	/* What others had of the first interval before this slice began. */
	ns = to.ns - c->from.ns;
	for (int d = 0; d < DOMAINS; d++)
		e[d] = to.energy[d] - c->from.energy[d];
	w = c->began - c->from.at;
	if (w && c->began > c->from.at) {
		struct rate *r = rate_of(place, c->from.k);

		if (r && r->k == c->from.k) {
			u64 less = w * r->ns >> (RATE_BITS - FRACTION);

			ns = ns > less ? ns - less : 0;
			for (int d = 0; d < DOMAINS; d++) {
				less = w * r->energy[d] >> (RATE_BITS - FRACTION);
				e[d] = e[d] > less ? e[d] - less : 0;
			}
		}
	}
	if (part < whole) {
		u64 f = (part << 10) / whole;

		ns = (ns >> 10) * f;
		for (int d = 0; d < DOMAINS; d++)
			e[d] = (e[d] >> 10) * f;
	}
	a->s.ns += ns;
	for (int d = 0; d < DOMAINS; d++)
		a->s.energy[d] += e[d];
	/* A boundary is set as of a moment ago, which may be before this slice began. */
	if (c->began > to.at)
		to.at = c->began;
	w = c->reached > to.at ? c->reached - to.at : 0;
	if (w >= whole)
		t->pending_ns += c->slice_ns;
	else
		t->pending_ns += c->slice_ns * ((w << 10) / whole) >> 10;
	if (part < whole)
		w = w * ((part << 10) / whole) >> 10;
	t->pending += w;
	return 0;
}

/* From here on, what waits is of interval k of CPU c's place. */
static inline __attribute__((always_inline)) void wait_for(struct cpu *c, struct task *t, u64 k)
{
	if (likely(t->pending_k == k && t->place == c->place))
		return;
	if (t->pending)
		settle(t);
	t->place = c->place;
	t->pending_k = k;
}

/* What has been counted on a CPU. */
struct reading {
	u64 at, cycles, instructions;
};

/* What ran between two readings. */
struct slice_work {
	u64 dt, irq, cycles, instructions, weight, weight_irq;
};

/* Time and cycles belong to the same moment, as nearly as can be. */
static inline __attribute__((always_inline)) void read_now(struct reading *r, u64 at)
{
	r->cycles = use_cycles ? count(&cycles, BPF_F_CURRENT_CPU) : 0;
	r->at = at ? at : bpf_ktime_get_ns();
	r->instructions = use_cycles ? count(&instructions, BPF_F_CURRENT_CPU) : 0;
}

/* How much the present slice of CPU c weighs, which is party's. */
static inline __attribute__((always_inline)) void measure(struct cpu *c, struct reading *r, u32 party, struct slice_work *w)
{
	u64 shared = 0, work;

	w->dt = likely(c->since) ? r->at - c->since : 0;
	w->irq = c->irq_ns;
	if (unlikely(w->irq > w->dt))
		w->irq = w->dt;
	w->cycles = w->instructions = 0;
	work = w->dt;
	if (use_cycles && c->since) {
		if (r->cycles && c->cycles) {
			if (r->cycles > c->cycles)
				w->cycles = r->cycles - c->cycles;
			if (r->instructions > c->instructions)
				w->instructions = r->instructions - c->instructions;
			work = w->cycles;
		} else {
			/* A counter is gone, as when its CPU went off: as much as of late. */
			work = w->dt * c->rate >> 16;
			__sync_fetch_and_add(&unread, 1);
		}
	} else if (use_frequency && c->freq) {
		work = turn(c, r->at);
	}
	if (use_siblings && c->sibling >= 0) {
		struct cpu *s = cpu_at(c->sibling);

		if (s) {
			u64 busy = busy_of(s, r->at);

			if (busy > c->sibling_ns)
				shared = busy - c->sibling_ns;
			c->sibling_ns = busy;
		}
	}
	w->weight_irq = 0;
	if (likely(party < PARTIES)) {
		w->weight = weigh(work, w->dt, shared);
		if (unlikely(w->irq) && w->dt < (1ull << 30))
			w->weight_irq = w->weight * w->irq / w->dt;
		return;
	}
	/* Interrupts of an idle CPU. */
	w->weight = 0;
	if (w->irq)
		w->weight = use_cycles ? w->cycles : use_frequency && c->freq ? w->irq * (c->freq >> 4) >> 16 : w->irq;
	w->weight_irq = w->weight;
}

/* The weight per ns of late, after one more slice. */
static u64 rate_after(u64 rate, struct slice_work *w)
{
	if (w->dt > MEMORY / 16 && w->dt < (1ull << 32))
		return (rate * MEMORY + (w->weight << 16)) / (MEMORY + w->dt);
	if (w->dt > 1000 && w->dt <= MEMORY / 16) /* nearly the same, without a division */
		return rate - (rate * w->dt / MEMORY) + (w->weight << 16) / MEMORY;
	return rate;
}

/* Put the present slice into the CPU's own account, and return the coordinate that it reached. */
static inline __attribute__((always_inline)) u64 book(struct cpu *c, u64 party, struct slice_work *w)
{
	u64 slot, reached = c->began + w->weight;
	struct slice *s;

	if (unlikely(w->irq)) {
		c->coord[KERNEL] += w->weight_irq;
		c->party_ns[KERNEL] += w->irq;
		c->irq_total += w->irq;
	}
	if (likely(party < PARTIES)) {
		slot = party;
		keep(slot); /* older verifiers forget the check above */
		slot &= PARTIES - 1;
		c->coord[slot] += w->weight - w->weight_irq;
		/* Taken for heavier than it was: that has been charged, and must not make what runs next weigh nothing. */
		if (unlikely(c->coord[slot] < c->seen[slot])) {
			reached += c->seen[slot] - c->coord[slot];
			c->coord[slot] = c->seen[slot];
		}
		c->busy_ns += w->dt;
		c->party_ns[slot] += w->dt - w->irq;
		if (use_cycles) {
			c->party_cycles[slot] += w->cycles;
			c->party_instructions[slot] += w->instructions;
		}
		/* Of time alone it is what it was. */
		if (use_cycles || use_frequency || use_siblings)
			c->rate = rate_after(c->rate, w);
	} else {
		c->busy_ns += w->irq;
	}
	s = &c->last[c->slices++ & (SLICES - 1)];
	s->since = c->since;
	s->weight = w->weight;
	s->party = party;
	return reached;
}

/*
 * Who closes an interval, on another CPU or in an interrupt on this one, sees whether a CPU is being written to. A
 * processor of this kind makes stores seen in their order; others need a barrier, which only atomic operations are.
 */
static void mark(struct cpu *c)
{
#ifdef __TARGET_ARCH_x86
	barrier();
	*(volatile u64 *)&c->seq = c->seq + 1;
	barrier();
#else
	__sync_fetch_and_add(&c->seq, 1);
#endif
}

/*
 * End the present slice of CPU c, which this runs on, and begin another of who runs next. It was party's, and prev's if
 * that has a record. At is the time, or 0.
 */
static inline __attribute__((always_inline)) void cut(struct cpu *c, u64 at, u32 party, struct task *prev, u32 next_party)
{
	struct reading r;
	struct slice_work w;
	u64 reached, k;

	read_now(&r, at);
	if (unlikely(r.at < c->since))
		r.at = c->since;
	mark(c);
	measure(c, &r, party, &w);
	reached = book(c, party, &w);
	c->since = r.at;
	c->party = next_party;
	mark(c);

	k = *(volatile u64 *)&c->k;
	if (likely(party < PARTIES && prev)) {
		struct account *a = account_of(prev, c->place);

		if (likely(a)) {
			u64 part = w.weight - w.weight_irq;

			a->cpu_ns += w.dt - w.irq;
			if (use_cycles) {
				a->cycles += w.cycles;
				a->instructions += w.instructions;
			}
			a->s.weight += part;
			if (likely(k == c->from_n)) {
				wait_for(c, prev, c->from_k);
				prev->pending += part;
				prev->pending_ns += w.dt - w.irq;
			} else if (w.weight) {
				c->to_n = k;
				c->reached = reached;
				c->whole = w.weight;
				c->slice_ns = w.dt - w.irq;
				wait_for(c, prev, c->bounds[k & 1].k);
				charge_across(c, prev, a, part);
			}
		}
	}
	c->irq_ns = 0;
	if (unlikely(c->irq_depth))
		c->irq_began = r.at;
	if (use_cycles) {
		c->cycles = r.cycles;
		c->instructions = r.instructions;
	}
	c->began = reached;
	if (unlikely(k != c->from_n)) {
		c->from = c->bounds[k & 1];
		c->from_k = c->from.k;
		c->from_n = k;
	}
}

/* ---- closing an interval ---- */

struct coordinates {
	u64 of[PARTIES];
};

/*
 * Take off x and busy what CPU c ran between a moment and the end of its n-th slice. The oldest slice that it remembers
 * may be overwritten meanwhile, and is left out.
 */
static u64 take_back(struct cpu *c, u64 n, u64 at, u64 until, struct coordinates *x, u64 busy)
{
#pragma unroll
	for (u64 i = 1; i < SLICES; i++) {
		struct slice *s = &c->last[(n - i) & (SLICES - 1)];
		u64 since = s->since, w = s->weight, slot = s->party, dt = until - since;

		if (until <= at || !since || since >= until)
			break;
		if (slot < PARTIES) {
			if (since < at) {
				w = dt < (1ull << 30) ? w * (until - at) / dt : 0;
				dt = until - at;
			}
			keep(slot);
			slot &= PARTIES - 1;
			x->of[slot] -= w < x->of[slot] ? w : x->of[slot];
			busy -= dt < busy ? dt : busy;
		}
		until = since;
	}
	return busy;
}

/*
 * The coordinates of a CPU up to a moment not long ago, in x, and its busy time. Of slices that have ended since, it
 * takes off what came after. A function of its own for the verifier, which need not follow it again for every CPU.
 */
GLOBAL u64 look(struct cpu *c, u64 at, struct coordinates *x)
{
	u64 seq, busy = 0, since = 0, rate = 0, slot = NOBODY, slices = 0;

	if (!c || !x)
		return 0;
	for (int try = 0; try < 3; try++) {
		seq = __sync_fetch_and_add(&c->seq, 0);
		for (int p = 0; p < PARTIES; p++)
			x->of[p] = c->coord[p];
		busy = c->busy_ns;
		since = c->since;
		slot = c->party;
		rate = c->rate;
		slices = c->slices;
		if (!(seq & 1) && __sync_fetch_and_add(&c->seq, 0) == seq)
			break;
	}
	if (since && at > since && slot < PARTIES) {
		keep(slot);
		x->of[slot & (PARTIES - 1)] += (at - since) * rate >> 16;
		busy += at - since;
	} else if (at < since) {
		busy = take_back(c, slices, at, since, x, busy);
	}
	return busy;
}

static u32 bin_of(u64 busy, u64 capacity)
{
	u64 mille = capacity ? busy * 1000 / capacity : 0;

	if (!busy)
		return 0;
	return mille < 10 ? 1 : mille < 30 ? 2 : mille < 100 ? 3 : mille < 250 ? 4 : mille < 500 ? 5 : mille < 750 ? 6 : 7;
}

/* First pass: what ran since the last boundary. */
static u64 gather(u32 p, struct place *pl, u64 now, u64 *busy)
{
	struct coordinates x = {};
	u64 weight = 0;

	for (u64 n = 0; n < n_cpus && n < MAX_CPUS; n++) {
		u32 i = n; /* a loop's own variable has to stay in a register, for the verifier to see where it ends */
		struct cpu *c = cpu_at(i);
		u64 b;

		if (!c || c->place != p)
			continue;
		b = look(c, now, &x);
		if (b > c->seen_busy) {
			*busy += b - c->seen_busy;
			c->seen_busy = b;
		}
		for (int q = 0; q < PARTIES; q++) {
			c->dx[q] = 0;
			if (x.of[q] > c->seen[q]) {
				c->dx[q] = x.of[q] - c->seen[q];
				c->seen[q] = x.of[q];
				weight += c->dx[q];
			}
		}
	}
	return weight;
}

/* Second pass: give every CPU and party its part, and set the boundary. */
static void share(u32 p, struct place *pl, struct rate *r)
{
	for (u64 n = 0; n < n_cpus && n < MAX_CPUS; n++) {
		u32 i = n; /* a loop's own variable has to stay in a register, for the verifier to see where it ends */
		struct boundary *from, *to;
		struct cpu *c = cpu_at(i);
		u64 w = 0, at = 0;

		if (!c || c->place != p)
			continue;
		for (int q = 0; q < PARTIES; q++) {
			struct sums *s = &pl->parties[q];
			u64 dx = c->dx[q];

			w += dx;
			at += c->seen[q];
			if (!dx)
				continue;
			s->weight += dx;
			s->ns += dx * r->ns >> (RATE_BITS - FRACTION);
			for (int d = 0; d < DOMAINS; d++)
				s->energy[d] += dx * r->energy[d] >> (RATE_BITS - FRACTION);
		}
		from = &c->bounds[c->k & 1];
		to = &c->bounds[(c->k + 1) & 1];
		to->k = pl->k + 1;
		to->at = at;
		to->ns = from->ns + (w * r->ns >> (RATE_BITS - FRACTION));
		for (int d = 0; d < DOMAINS; d++)
			to->energy[d] = from->energy[d] + (w * r->energy[d] >> (RATE_BITS - FRACTION));
		barrier();
		c->k = c->k + 1;
	}
}

/*
 * The time that an interval's energy stands for. It runs from refresh to refresh of the counters, and these are regular;
 * the looks at them are not, seen from there. To take the time between two looks for it would have all that runs for a
 * moment pay for too much idle power: it falls into a long interval more often than into a short one.
 */
static u64 span_of(struct place *pl, u64 dt, bool force)
{
	s64 span = dt + pl->owed;

	if (pl->blind && !force) {
		span = pl->refreshes ? pl->refreshes * pl->period : dt;
	} else if (!force && !pl->period) {
		pl->period = dt;
	} else if (!force && dt < pl->period + pl->period / 2 + look_ns) { /* more is no single refresh */
		pl->period += ((s64)dt - (s64)pl->period) >> 4;
		span = (s64)pl->period + (pl->owed >> 3);
	} else if (!force) {
		span = dt;
	}
	if (span < 0)
		span = 0;
	pl->owed += (s64)dt - span;
	return span;
}

/*
 * How long ago the counters were refreshed that a late look finds moved: the refreshes are regular, so it was where one
 * of them was due, and after the look before. As of the look itself, what ran at the time would pay for the delay's idle
 * power, and the idle time after it for none.
 */
static u64 since_refresh(struct place *pl, u64 now, u64 gap)
{
	s64 gone = (s64)(now - pl->at) + pl->owed;
	u64 n, left;

	pl->refreshes = 0;
	if (!pl->period || gone < (s64)pl->period)
		return look_ns / 2; /* earlier than it was due: just now */
	n = (u64)gone / pl->period;
	if (n > MANY)
		return look_ns / 2;
	pl->refreshes = n;
	left = (u64)gone - n * pl->period;
	return left < gap ? left : gap;
}

/*
 * A late look takes the counters for refreshed as often as was due. Where next to nobody ran, the joules tell how often it
 * was, as idle power is steady: it may be once more or once less, when a refresh was due just then, and it may be more often
 * than a look can say. Returns how much later than it was taken for the last one was, which was dt after the one before.
 */
static s64 recount(struct place *pl, u64 energy, u64 dt)
{
	u64 each, n;
	s64 later;

	if (pl->still_ns < STILL * pl->period)
		return 0; /* not known well enough */
	each = pl->still_energy / (pl->still_ns / pl->period);
	if (!each)
		return 0;
	n = (energy + each / 2) / each;
	if (!n || n > STILL)
		return 0;
	later = (s64)(n * pl->period) - pl->owed - (s64)dt;
	if (later > (s64)(pl->period + pl->period / 2) || later < -(s64)(pl->period + pl->period / 2) || (s64)dt + later <= 0)
		return 0;
	pl->refreshes = n;
	return later;
}

static int close_place(u32 p, u64 now, u64 counters[DOMAINS], bool force)
{
	struct place *pl = bpf_map_lookup_elem(&places, &p);
	u64 e[DOMAINS], moved = 0, dt, span, busy = 0, weight, still;
	struct rate *r;
	struct bin *b;
	u32 n;

	if (!pl || p >= n_places)
		return 0;
	for (int d = 0; d < DOMAINS; d++) {
		e[d] = counters[d] >= pl->counters[d] ? counters[d] - pl->counters[d] : 0;
		moved |= e[d];
	}
	if (pl->ready && !moved && !force)
		return 0;
	if (now <= pl->at)
		return 0;
	for (int d = 0; d < DOMAINS; d++)
		pl->counters[d] = counters[d];
	dt = now - pl->at;
	pl->at = now;
	weight = gather(p, pl, now, &busy);
	still = busy < pl->period / 16;
	/* What ran just before may have joules in this one. */
	if (unlikely(pl->blind && !force && pl->ready && still && pl->still)) {
		s64 later = recount(pl, e[0], dt);

		pl->at += later;
		dt += later;
	}
	pl->still = still;
	if (!pl->ready) {
		/* The first time only says where everything stands. */
		pl->ready = 1;
		dt = 0;
		for (int d = 0; d < DOMAINS; d++)
			e[d] = 0;
	}
	for (int d = 0; d < DOMAINS; d++) {
		if (e[d] <= MOST)
			continue;
		/* The machine slept, or somebody else's joules come in one go: rates would overflow. */
		pl->energy[d] += e[d] - MOST;
		pl->parties[NOBODY].energy[d] += (e[d] - MOST) << FRACTION;
		e[d] = MOST;
	}
	span = span_of(pl, dt, force);
	r = rate_of(p, pl->k);
	if (!r)
		return 0;
	pl->ns += span;
	n = min32(bin_of(busy, dt * pl->cpus), BINS - 1);
	b = &pl->bins[n];
	b->ns += span;
	b->busy_ns += busy;
	for (int d = 0; d < DOMAINS; d++) {
		pl->energy[d] += e[d];
		b->energy[d] += e[d];
	}
	r->k = pl->k;
	r->weight = weight;
	r->ns = 0;
	if (weight) {
		r->ns = (span << RATE_BITS) / weight;
		for (int d = 0; d < DOMAINS; d++)
			r->energy[d] = (e[d] << RATE_BITS) / weight;
	} else {
		struct sums *s = &pl->parties[NOBODY];

		s->ns += span << FRACTION;
		if (!force && !pl->blind) {
			pl->still_ns += span;
			pl->still_energy += e[0];
		}
		for (int d = 0; d < DOMAINS; d++) {
			r->energy[d] = 0;
			s->energy[d] += e[d] << FRACTION;
		}
	}
	share(p, pl, r);
	barrier();
	pl->k++;
	return 1;
}

static inline __attribute__((always_inline)) void look_at(void *map, u32 p, int d, struct place *pl, u64 *counters)
{
	struct bpf_perf_event_value v;
	long err = bpf_perf_event_read_value(map, p, &v, sizeof(v));

	if (!err) {
		counters[d] = v.counter;
	} else if (err != -2) { /* ENOENT: no such domain here */
		pl->missed++;
		counters[d] = pl->counters[d];
	}
}

static void read_and_close(u32 p, struct place *pl, u64 late, bool force)
{
	u64 counters[DOMAINS] = {};

	look_at(&power_package, p, 0, pl, counters);
	/* The others move with it. */
	if (counters[0] == pl->counters[0] && !force && pl->ready)
		return;
	look_at(&power_core, p, 1, pl, counters);
	look_at(&power_uncore, p, 2, pl, counters);
	look_at(&power_dram, p, 3, pl, counters);
	/* An event read on a CPU that it does not count on shows nothing. */
	if (counters[0] < pl->counters[0]) {
		pl->missed++;
		return;
	}
	close_place(p, bpf_ktime_get_ns() - late, counters, force);
}

/*
 * A clock of the place's first CPU, which may read its power events. A counter that is seen to have moved since the
 * last look did so half of the time between two looks ago, on average.
 */
SEC("perf_event")
int tick(void *ctx)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = cpu_at(cpu);
	struct place *pl;
	u64 now, gap, late = look_ns / 2;
	u32 p;

	if (!c)
		return 0;
	p = c->place;
	pl = bpf_map_lookup_elem(&places, &p);
	/* It may interrupt settle_cpu() or end_interval(). */
	if (!pl || c->seq & 1 || pl->busy)
		return 0;
	now = bpf_ktime_get_ns();
	/* A busy kernel is late with looks, or leaves them out: more than one refresh may be found then. */
	gap = pl->looked ? now - pl->looked : 0;
	pl->blind = gap > look_ns + look_ns / 8;
	pl->looked = now;
	if (unlikely(pl->blind))
		late = since_refresh(pl, now, gap);
	read_and_close(p, pl, late, 0);
	return 0;
}

/*
 * By order of user space: end the interval. Either the counters are read here, on the CPU that can, or their moves since
 * the last time are given, with the time as of which they are. 1 when the interval has ended.
 */
SEC("raw_tp")
int end_interval(u64 *ctx)
{
	u32 p = ctx[0];
	u64 counters[DOMAINS], at;
	struct place *pl = bpf_map_lookup_elem(&places, &p);
	int done = 1;

	if (!pl)
		return 0;
	pl->busy = 1;
	barrier();
	if (ctx[1]) {
		read_and_close(p, pl, 0, 1);
		goto out;
	}
	at = bpf_ktime_get_ns();
	if (ctx[6] && ctx[6] < at)
		at = ctx[6];
	counters[0] = pl->counters[0] + ctx[2];
	counters[1] = pl->counters[1] + ctx[3];
	counters[2] = pl->counters[2] + ctx[4];
	counters[3] = pl->counters[3] + ctx[5];
	done = close_place(p, at, counters, 1);
out:
	barrier();
	pl->busy = 0;
	return done;
}

/* ---- tasks ---- */

static u64 cgroup_of(struct task_struct *t)
{
	return BPF_CORE_READ(t, cgroups, dfl_cgrp, kn, id);
}

static bool in_cgroup(struct task_struct *t)
{
	struct cgroup *g = BPF_CORE_READ(t, cgroups, dfl_cgrp);
	int level = BPF_CORE_READ(g, level);

	for (int i = 0; i < 16; i++) {
		u64 id = 0;

		if (i > level)
			break;
		if (bpf_core_field_exists(((struct cgroup___since_6_1 *)0)->ancestors)) {
			struct cgroup *a = 0;
			struct cgroup___since_6_1 *n = (void *)g;

			bpf_core_read(&a, sizeof(a), &n->ancestors[i]);
			id = BPF_CORE_READ(a, kn, id);
		} else {
			struct cgroup___before_6_1 *o = (void *)g;

			bpf_core_read(&id, sizeof(id), &o->ancestor_ids[i]);
		}
		if (id == root_cgroup)
			return 1;
	}
	return 0;
}

/* Whether a record's task has the target among its ancestors. */
GLOBAL int descends(struct task *record)
{
	struct task_struct *t;

	if (!root || !record)
		return 0;
	t = (void *)record->owner;
	for (int i = 0; i < 32; i++) {
		u32 tgid = BPF_CORE_READ(t, tgid);

		if (tgid == root)
			return 1;
		if (tgid <= 1)
			return 0;
		t = BPF_CORE_READ(t, real_parent);
	}
	return 0;
}

/* The groups that a task is in, told from others by the address. */
static u64 css_of(struct task_struct *t) { return (u64)BPF_CORE_READ(t, cgroups); }

/* Whose a task is, judged by itself. */
static u32 party_of(struct task_struct *t)
{
	u32 tgid = BPF_CORE_READ(t, tgid);

	if (BPF_CORE_READ(t, flags) & PF_KTHREAD)
		return KERNEL;
	if (tgid == tool)
		return TOOL;
	if (whole_machine)
		return TARGET;
	if (root_cgroup && in_cgroup(t))
		return TARGET;
	return OTHERS;
}

/* The party and groups of a record's task. Who descends from the target stays its. */
GLOBAL int place_task(struct task *t, int descendant)
{
	struct task_struct *task;
	u32 party;

	if (!t)
		return 0;
	task = (void *)t->owner;
	party = party_of(task);
	if (party == OTHERS && root && descendant)
		party = TARGET;
	t->party = party;
	t->css = css_of(task);
	t->cgroup = cgroup_of(task);
	return 0;
}

static struct task *row_at(u32 i) { return bpf_map_lookup_elem(&rows, &i); }

static struct task *row_of(struct task_struct *task) { return row_at(task->pid & (ROWS - 1)); }

/*
 * The record of a task that is not in the row of its number: a thread that executes a program takes its leader's number.
 * The idle task has none.
 */
static __attribute__((noinline)) struct task *remote_record(struct task_struct *task)
{
	struct task *t;

	if (!task->pid)
		return 0;
	t = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!t || t->row == NO_ROW)
		return t;
	t = row_at(t->row - 1);
	return t && t->owner == (u64)task ? t : 0;
}

/* A task's record. Its address tells it from others: who begins at the address of one that has ended begins a new one. */
static inline __attribute__((always_inline)) struct task *record_of(struct task_struct *task)
{
	struct task *t = row_of(task);

	if (likely(t && t->owner == (u64)task))
		return t;
	return remote_record(task);
}

/* Make a row nobody's again. What it holds stays until somebody takes it: who walks the tasks may be reading it. */
static void vacate(struct task *t)
{
	if (t->row != NO_ROW)
		__sync_lock_test_and_set(&t->owner, 0);
}

/* Take a row that is nobody's for a task, which finds it when it is empty. */
static bool take(struct task *row, struct task_struct *task)
{
	if (__sync_val_compare_and_swap(&row->owner, 0, TAKEN))
		return 0;
	row->pending = row->pending_k = row->pending_ns = row->css = row->cgroup = row->process_start = 0;
	row->place = row->party = row->threads = row->live = row->over = 0;
	for (u64 p = 0; p < n_places && p < MAX_PLACES; p++)
		__builtin_memset(&row->accounts[p], 0, sizeof(row->accounts[p]));
	__sync_lock_test_and_set(&row->owner, (u64)task);
	return 1;
}

/* The record of a task that may have none. */
static struct task *record_for(struct task_struct *task)
{
	struct task *t = record_of(task), *row;

	if (t)
		return t;
	t = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t) {
		__sync_fetch_and_add(&lost_tasks, 1);
		return 0;
	}
	row = row_of(task);
	if (!row || !take(row, task)) {
		t->owner = (u64)task;
		t->row = NO_ROW;
		return t;
	}
	t->row = (task->pid & (ROWS - 1)) + 1;
	return row;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(on_newtask, struct task_struct *task, u64 flags)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct task *t, *parent, *leader;

	parent = record_of(self);
	/* A row of an earlier task at this address, whose end was not seen. */
	t = row_of(task);
	if (t && t->owner == (u64)task)
		vacate(t);
	t = record_for(task);
	if (!t)
		return 0;
	place_task(t, parent && parent->party == TARGET);
	t->process_start = BPF_CORE_READ(task, group_leader, start_time);
	if (flags & CLONE_THREAD) {
		leader = record_of(task->group_leader);
		if (leader) {
			/* Leader since an exec, as a thread was: all others have ended. */
			if (!leader->live)
				leader->live = leader->threads = 1;
			__sync_fetch_and_add(&leader->live, 1);
			__sync_fetch_and_add(&leader->threads, 1);
		}
	} else {
		t->live = t->threads = 1;
	}
	return 0;
}

/* Take in what ran before. */
SEC("iter/task")
int adopt(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task *t;

	if (!task)
		return 0;
	t = record_for(task);
	if (!t)
		return 0;
	place_task(t, descends(t));
	t->process_start = BPF_CORE_READ(task, group_leader, start_time);
	if (task->pid == task->tgid && !t->threads)
		t->live = t->threads = BPF_CORE_READ(task, signal, nr_threads);
	return 0;
}

static void head(struct line *l, struct task_struct *task, struct task *t)
{
	l->pid = BPF_CORE_READ(task, pid);
	l->tgid = BPF_CORE_READ(task, tgid);
	l->ppid = BPF_CORE_READ(task, real_parent, tgid);
	l->start = BPF_CORE_READ(task, start_time);
	l->party = t->party;
	l->cgroup = t->cgroup;
	l->threads = t->threads;
	l->pending = t->pending;
	l->pending_k = t->pending_k;
	l->pending_ns = t->pending_ns;
	l->place = t->place;
	bpf_core_read(&l->comm, sizeof(l->comm), &task->comm);
}

/* Everything alive, a line each. */
SEC("iter/task")
int dump(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct line l = {};
	struct task *t;

	if (!task)
		return 0;
	t = record_of(task);
	if (!t || t->over) /* a zombie has had its line */
		return 0;
	/* Its own CPU may be at it. */
	if (!BPF_CORE_READ(task, on_cpu) && has_closed(t))
		settle(t);
	head(&l, task, t);
	bpf_seq_write(ctx->meta->seq, &l, sizeof(l));
	bpf_seq_write(ctx->meta->seq, t->accounts, n_places * sizeof(struct account));
	return 0;
}

/* Who has ended is a line for user space. */
static bool end(struct task_struct *task, struct task *t, u32 kind)
{
	struct line *l = bpf_ringbuf_reserve(&ended, sizeof(*l) + n_places * sizeof(struct account), 0);
	struct account *to;

	if (!l)
		return 0;
	head(l, task, t);
	l->kind = kind;
	to = (struct account *)(l + 1);
	for (u64 p = 0; p < n_places && p < MAX_PLACES; p++)
		to[p] = t->accounts[p];
	bpf_ringbuf_submit(l, 1 /* BPF_RB_NO_WAKEUP: the reader comes by itself */);
	return 1;
}

/* One thread less. With the last one out, the process has ended. */
static void leave(struct task_struct *first, struct task *leader)
{
	/* 0: leader since an exec, with no other thread since */
	if (__sync_fetch_and_add(&leader->live, (u32)-1) > 1)
		return;
	leader->over = 1;
	if (!end(first, leader, ENDED_PROCESS))
		__sync_fetch_and_add(&lost_processes, 1);
	vacate(leader);
}

/* Its own accesses are cheaper than BPF_CORE_READ's, and allowed as the tracepoint vouches for the task. */
static inline __attribute__((always_inline)) bool gone(struct task_struct *task)
{
	u64 state;

	if (bpf_core_field_exists(task->__state))
		state = task->__state;
	else
		state = ((struct task_struct___before_5_14 *)task)->state;
	return state & TASK_DEAD;
}

/* A thread that is not its process's last has run for the last time: its account goes to the process's. */
static void fold(struct task_struct *task, struct task *t)
{
	struct process id = { .start = t->process_start, .pid = BPF_CORE_READ(task, tgid) };
	struct task *all = bpf_map_lookup_elem(&past, &id);
	u32 zero = 0;

	if (!all) {
		void *none = bpf_map_lookup_elem(&nothing, &zero);

		if (none)
			bpf_map_update_elem(&past, &id, none, 1 /* BPF_NOEXIST */);
		all = bpf_map_lookup_elem(&past, &id);
	}
	if (!all || (thread_lines && !end(task, t, ENDED_THREAD)))
		__sync_fetch_and_add(&lost_threads, 1);
	if (!all)
		return;
	if (t->pending) {
		if (all->place != t->place || all->pending_k != t->pending_k)
			settle(all);
		all->place = t->place;
		all->pending_k = t->pending_k;
		__sync_fetch_and_add(&all->pending, t->pending);
		__sync_fetch_and_add(&all->pending_ns, t->pending_ns);
		t->pending = t->pending_ns = 0;
	}
	for (u64 p = 0; p < n_places && p < MAX_PLACES; p++) {
		struct account *from = &t->accounts[p], *to = &all->accounts[p];

		__sync_fetch_and_add(&to->cpu_ns, from->cpu_ns);
		__sync_fetch_and_add(&to->cycles, from->cycles);
		__sync_fetch_and_add(&to->instructions, from->instructions);
		__sync_fetch_and_add(&to->s.weight, from->s.weight);
		__sync_fetch_and_add(&to->s.ns, from->s.ns);
		for (int d = 0; d < DOMAINS; d++)
			__sync_fetch_and_add(&to->s.energy[d], from->s.energy[d]);
		__builtin_memset(from, 0, sizeof(*from));
	}
}

/*
 * A thread is about to end: its leader is there for certain, which it may not be when the thread runs for the last
 * time. A leader leaves then, with all that it has done.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task *leader;

	if (task->pid == task->tgid)
		return 0;
	leader = record_of(task->group_leader);
	if (leader)
		leave(task->group_leader, leader);
	return 0;
}

/* Compare the scheduler's clock of a CPU, as it stands, with the time, which is returned. */
GLOBAL u64 compare(struct cpu *c, u64 clock)
{
	u64 now = bpf_ktime_get_ns();
	s64 ahead;

	if (!c)
		return now;
	ahead = now - clock - c->clock_off;
	/* After a while of something else, the way from there to here takes longer. */
	if (now - c->since > SHORT)
		return now;
	if (!c->clock_at) {
		c->clock_off = now - clock;
	} else if (ahead < -FARTHEST || ahead > FARTHEST) {
		/* Something came in between, or the clock was set: that will be seen again. */
		if (++c->clock_odd < 8)
			return now;
		c->clock_off = now - clock;
	} else {
		/* The way is never shorter than it is, and at times much longer. */
		ahead >>= 2;
		c->clock_off += ahead > STEP ? STEP : ahead;
	}
	c->clock_odd = 0;
	c->clock_at = clock;
	return now;
}

/*
 * The time of a switch at which prev goes to sleep after a short slice, by the clock that the scheduler has just read, or
 * 0. To read another would be the dearest part of all that is done here, and where slices are short it is done often. The
 * two are compared every millisecond, at such a switch: they stand for the same moment but for a fraction of the way from
 * there to here. As every slice begins where the one before ended, what one has too much the next has too little.
 *
 * The scheduler does not read its clock where it did so when it chose to preempt: that may be a while ago. Nor does it when
 * it wakes up an idle CPU.
 */
static inline __attribute__((always_inline)) u64 time_of_sleep(struct cpu *c, struct task_struct *prev)
{
	u64 clock, at;

	if (!bpf_core_field_exists(prev->se.cfs_rq) || !bpf_core_field_exists(prev->__state) || unlikely(!prev->__state))
		return 0;
	clock = prev->se.cfs_rq->rq->clock;
	if (unlikely(clock - c->clock_at > COMPARE))
		return compare(c, clock);
	at = clock + c->clock_off;
	return likely(at < c->since + SHORT) ? at : 0;
}

/* Who has run for the last time. */
static __attribute__((noinline)) void depart(struct task_struct *task, struct task *t)
{
	bool first = task->pid == task->tgid;

	/* A leader that others outlive may make room for one of them, at its exec. */
	if (!first || t->live > 1)
		fold(task, t);
	if (first)
		leave(task, t);
	else
		vacate(t);
}

/* Whose it is that runs next, with or without a record. */
static u32 party_of_next(struct task *n, struct task_struct *next)
{
	if (likely(n))
		return n->party;
	return !next->pid ? NOBODY : next->flags & PF_KTHREAD ? KERNEL : OTHERS;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *c = cpu_at(bpf_get_smp_processor_id());
	struct task *p, *n;
	u32 party, next_party;
	u64 at = 0;

	if (!c)
		return 0;
	p = record_of(prev);
	n = record_of(next);
	if (unlikely(n && n->css != (u64)next->cgroups))
		place_task(n, n->party == TARGET); /* it moved to other groups */
	next_party = party_of_next(n, next);
	c->switches++;
	/* A sandbox may hide the switches of its own process: then what runs now is not what came last. */
	party = c->party;
	if (likely(p)) {
		party = p->party;
		if (!use_cycles && next_party != NOBODY)
			at = time_of_sleep(c, prev);
	}
	cut(c, at, party, p, next_party);
	if (unlikely(p && gone(prev)))
		depart(prev, p);
	return 0;
}

/* Account for what this CPU, c, runs up to now, which goes on. */
GLOBAL int settle_here(struct cpu *c)
{
	struct task_struct *self = bpf_get_current_task_btf();
	struct task *t;

	if (!c)
		return 0;
	t = record_of(self);
	if (t && t->css != css_of(self))
		place_task(t, t->party == TARGET); /* it moved to other groups as it ran */
	cut(c, 0, c->party, t, party_of_next(t, self));
	return 0;
}

/* By order of user space, on any CPU: account for what runs there up to now. */
SEC("raw_tp")
int settle_cpu(void *ctx)
{
	struct cpu *c = cpu_at(bpf_get_smp_processor_id());

	if (!c)
		return 0;
	c->settling = 1;
	barrier();
	settle_here(c);
	barrier();
	c->settling = 0;
	return 0;
}

/*
 * Timers expire on a CPU that is at work, at the latest with the next tick of the scheduler. Who computes for long without
 * a switch would weigh as much per ns as the CPU did before, whatever its clock or its sibling do. It is not attached where
 * time alone weighs, and wakes nobody up.
 */
SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(on_timer)
{
	struct cpu *c;

	/* Time is all that weighs: the verifier of newer kernels needs not go through what is below. */
	if (!use_cycles && !use_frequency && !use_siblings)
		return 0;
	c = cpu_at(bpf_get_smp_processor_id());
	if (!c || c->party >= PARTIES || !c->since || c->irq_depth || c->settling)
		return 0;
	if (bpf_ktime_get_ns() > c->since + LONGEST)
		settle_here(c);
	return 0;
}

/* ---- interrupts, idle states, frequencies ---- */

static void enter_irq(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = cpu_at(cpu);

	if (c && c->irq_depth++ == 0)
		c->irq_began = bpf_ktime_get_ns();
}

static void leave_irq(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct cpu *c = cpu_at(cpu);
	u64 now;

	if (!c || !c->irq_depth || --c->irq_depth)
		return;
	now = bpf_ktime_get_ns();
	if (now > c->irq_began)
		c->irq_ns += now - c->irq_began;
}

SEC("tp_btf/irq_handler_entry")
int BPF_PROG(on_irq) { enter_irq(); return 0; }

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(on_irq_exit) { leave_irq(); return 0; }

SEC("tp_btf/softirq_entry")
int BPF_PROG(on_softirq) { enter_irq(); return 0; }

SEC("tp_btf/softirq_exit")
int BPF_PROG(on_softirq_exit) { leave_irq(); return 0; }

SEC("tp_btf/cpu_idle")
int BPF_PROG(on_idle, u32 state, u32 cpu)
{
	struct cpu *c = cpu_at(cpu);
	u64 now = bpf_ktime_get_ns();
	u32 i;

	if (!c)
		return 0;
	i = c->idle_state;
	if (i && i <= STATES && now > c->idle_since)
		c->idle_ns[i - 1] += now - c->idle_since;
	c->idle_state = 0;
	if (state != (u32)-1) {
		i = min32(state, STATES - 1);
		c->idle_state = i + 1;
		if (i < STATES)
			c->idle_entries[i]++;
		c->idle_since = now;
	}
	return 0;
}

SEC("tp_btf/cpu_frequency")
int BPF_PROG(on_frequency, u32 khz, u32 cpu)
{
	struct cpu *c = cpu_at(cpu);

	if (!c)
		return 0;
	c->turns = turn(c, bpf_ktime_get_ns());
	c->freq = khz;
	c->freq_changes++;
	return 0;
}

u64 throttled;

SEC("tp_btf/thermal_zone_trip")
int BPF_PROG(on_trip)
{
	__sync_fetch_and_add(&throttled, 1);
	return 0;
}
