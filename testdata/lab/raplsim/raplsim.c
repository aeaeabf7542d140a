// SPDX-License-Identifier: GPL-2.0
/*
 * raplsim: RAPL registers and a core PMU for a machine that has neither, and the truth behind them.
 *
 * The stock drivers (rapl.ko, intel_rapl_msr.ko, msr.ko) reach model specific registers through
 * native_read_msr() and native_read_msr_safe(). A kprobe on each answers for the RAPL registers and
 * lets every other read through, so the powercap tree, the perf "power" PMU, /dev/cpu/N/msr and BPF
 * programs all see one simulated machine in the units and widths of the real registers.
 *
 * Vocabulary
 *   base    one additive part of a die's energy (idle, wake, busy CPUs, ...)
 *   domain  what a register reports: a sum of bases (package = idle + wake + busy)
 *   latch   copying a domain into its register: happens at refresh instants only, as on hardware
 *   record  what is known of one process (thread group) from fork to exit
 *   class   how a task behaves (power, instructions per cycle, ...), chosen by a prefix of its name
 *
 * Energies are exact: power is whole microwatts, constant between two events, so energy is whole
 * femtojoules (uW * ns) in 128-bit sums. Divisions happen only on the way out.
 *
 * Time is CLOCK_MONOTONIC throughout, so a test in user space can multiply watts by its own clock.
 *
 * Locking: everything below is guarded by one raw spinlock, taken with interrupts off, innermost of
 * all (the scheduler hook runs under a runqueue lock). Nothing under it allocates, prints or wakes.
 * Records are allocated where the scheduler holds nothing: in the fork hook.
 */
#define pr_fmt(fmt) "raplsim: " fmt

#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/perf_event.h>
#include <linux/proc_fs.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/tracepoint.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/cpufeature.h>
#include <asm/processor.h>

typedef unsigned __int128 wide;

#define MAX_PACKAGES	8
#define MAX_DIES	32
#define MAX_CLASSES	32
#define HASH_BITS	14

/* ---- parameters (README.md documents each; u64 milliwatts so that any power is possible) ---- */

enum knob {
	IDLE_MW, CORE_IDLE_MW, UNCORE_MW, WAKE_MW, BUSY_MW, CUBIC_MW, SMT_PCT,
	DRAM_MW, DRAM_BUSY_MW, PSYS_MW, UPDATE_US, JITTER_US, TDP_W, N_KNOBS
};
static const char *const knob_name[N_KNOBS] = {
	"idle_mw", "core_idle_mw", "uncore_mw", "wake_mw", "busy_mw", "cubic_mw", "smt_pct",
	"dram_mw", "dram_busy_mw", "psys_mw", "update_us", "jitter_us", "tdp_w",
};
static u64 knobs[N_KNOBS] = {
	[IDLE_MW] = 20000, [CORE_IDLE_MW] = 2000, [UNCORE_MW] = 3000, [WAKE_MW] = 5000,
	[BUSY_MW] = 30000, [CUBIC_MW] = 0, [SMT_PCT] = 100, [DRAM_MW] = 4000,
	[DRAM_BUSY_MW] = 1000, [PSYS_MW] = 15000, [UPDATE_US] = 1000, [JITTER_US] = 0,
	[TDP_W] = 150,
};
module_param_named(idle_mw, knobs[IDLE_MW], ullong, 0444);
MODULE_PARM_DESC(idle_mw, "power of an idle package, mW");
module_param_named(core_idle_mw, knobs[CORE_IDLE_MW], ullong, 0444);
MODULE_PARM_DESC(core_idle_mw, "part of idle_mw that the core domain sees, mW");
module_param_named(uncore_mw, knobs[UNCORE_MW], ullong, 0444);
MODULE_PARM_DESC(uncore_mw, "part of idle_mw that the uncore domain sees, mW");
module_param_named(wake_mw, knobs[WAKE_MW], ullong, 0444);
MODULE_PARM_DESC(wake_mw, "extra package power while any of its CPUs is busy, mW (uncore)");
module_param_named(busy_mw, knobs[BUSY_MW], ullong, 0444);
MODULE_PARM_DESC(busy_mw, "linear term of a busy CPU's power, mW per GHz");
module_param_named(cubic_mw, knobs[CUBIC_MW], ullong, 0444);
MODULE_PARM_DESC(cubic_mw, "cubic term of a busy CPU's power, mW per GHz^3");
module_param_named(smt_pct, knobs[SMT_PCT], ullong, 0444);
MODULE_PARM_DESC(smt_pct, "a CPU's power while its sibling is busy too, percent of its power alone");
module_param_named(dram_mw, knobs[DRAM_MW], ullong, 0444);
MODULE_PARM_DESC(dram_mw, "DRAM power of an idle package, mW");
module_param_named(dram_busy_mw, knobs[DRAM_BUSY_MW], ullong, 0444);
MODULE_PARM_DESC(dram_busy_mw, "DRAM power a busy CPU adds, mW");
module_param_named(psys_mw, knobs[PSYS_MW], ullong, 0444);
MODULE_PARM_DESC(psys_mw, "what psys sees beyond all packages and DRAM, mW");
module_param_named(update_us, knobs[UPDATE_US], ullong, 0444);
MODULE_PARM_DESC(update_us, "mean time between two refreshes of the counters, us; 0: always fresh");
module_param_named(jitter_us, knobs[JITTER_US], ullong, 0444);
MODULE_PARM_DESC(jitter_us, "standard deviation of that time, us");
module_param_named(tdp_w, knobs[TDP_W], ullong, 0444);
MODULE_PARM_DESC(tdp_w, "thermal design power in the power info register, W");

static uint esu = 14;
module_param(esu, uint, 0444);
MODULE_PARM_DESC(esu, "energy status unit: counters tick every 2^-esu J (Atom: 2^esu uJ)");
static int dram_esu = -1;
module_param(dram_esu, int, 0444);
MODULE_PARM_DESC(dram_esu, "unit of the DRAM counter; -1: what this CPU model has");
static int psys_esu = -1;
module_param(psys_esu, int, 0444);
MODULE_PARM_DESC(psys_esu, "unit of the psys counter; -1: what this CPU model has");
static uint start = 4096;
module_param(start, uint, 0444);
MODULE_PARM_DESC(start, "what every counter reads at load, raw ticks");
static unsigned long long wrap_after_mj;
module_param(wrap_after_mj, ullong, 0444);
MODULE_PARM_DESC(wrap_after_mj, "overrides start: the package counters wrap after this many mJ");
static unsigned long long seed = 1;
module_param(seed, ullong, 0444);
MODULE_PARM_DESC(seed, "seed of the refresh jitter");
static bool rapl = true;
module_param(rapl, bool, 0444);
MODULE_PARM_DESC(rapl, "0: every RAPL register faults");
static bool cpuid_rapl;
module_param(cpuid_rapl, bool, 0444);
MODULE_PARM_DESC(cpuid_rapl, "set the AMD CPUID bit that the perf driver asks for");
static int filter;
module_param(filter, int, 0444);
MODULE_PARM_DESC(filter, "bit 0 of MSR 0xBC (energy filtering); -1: the register faults");
static bool pmu = true;
module_param(pmu, bool, 0444);
MODULE_PARM_DESC(pmu, "register the simulated core PMU");
static uint pmu_counters = 6;
module_param(pmu_counters, uint, 0444);
MODULE_PARM_DESC(pmu_counters, "events a CPU counts at once; more are multiplexed");
static uint max_procs = 262144;
module_param(max_procs, uint, 0444);
MODULE_PARM_DESC(max_procs, "processes recorded before records are lost");

static uint freq_mhz[256] = { 1000 };
static int n_freq = 1;
module_param_array(freq_mhz, uint, &n_freq, 0444);
MODULE_PARM_DESC(freq_mhz, "frequency of each CPU, MHz; the last one holds for the rest");
static uint pkg_pct[MAX_PACKAGES] = { 100 };
static int n_pct = 1;
module_param_array(pkg_pct, uint, &n_pct, 0444);
MODULE_PARM_DESC(pkg_pct, "power of each package, percent; the last one holds for the rest");

/* Domains, in the order of truth lines; PSYS and UNIT are registers without a die of their own. */
enum domain { PKG, CORE, UNCORE, DRAM, N_DIE_DOMAINS, PSYS = N_DIE_DOMAINS, N_DOMAINS, UNIT = N_DOMAINS, N_REGS };
static const char *const domain_name[N_REGS] = { "pkg", "core", "uncore", "dram", "psys", "unit" };
static char *domain_mode[N_REGS];
module_param_named(pkg, domain_mode[PKG], charp, 0444);
MODULE_PARM_DESC(pkg, "package counters: on, missing (reads fault) or zero; a list gives one per package");
module_param_named(core, domain_mode[CORE], charp, 0444);
module_param_named(uncore, domain_mode[UNCORE], charp, 0444);
module_param_named(dram, domain_mode[DRAM], charp, 0444);
module_param_named(psys, domain_mode[PSYS], charp, 0444);
module_param_named(unit, domain_mode[UNIT], charp, 0444);

/* Traits of a class of tasks; each has a parameter "prefix:value,prefix:value" ("*" is the default). */
enum trait { T_POWER, T_DRAM, T_IPC, T_REFS, T_MISSES, T_BRANCHES, T_BRANCH_MISSES, N_TRAITS };
static const char *const trait_name[N_TRAITS] = {
	"hot", "dram_hot", "ipc", "refs", "misses", "branches", "branch_misses",
};
static char *trait_list[N_TRAITS];
module_param_named(hot, trait_list[T_POWER], charp, 0444);
MODULE_PARM_DESC(hot, "CPU power by name prefix, percent of busy power");
module_param_named(dram_hot, trait_list[T_DRAM], charp, 0444);
MODULE_PARM_DESC(dram_hot, "DRAM power by name prefix, percent of dram_busy_mw");
module_param_named(ipc, trait_list[T_IPC], charp, 0444);
MODULE_PARM_DESC(ipc, "instructions per 100 cycles by name prefix");
module_param_named(refs, trait_list[T_REFS], charp, 0444);
MODULE_PARM_DESC(refs, "cache references per 1000 instructions by name prefix");
module_param_named(misses, trait_list[T_MISSES], charp, 0444);
MODULE_PARM_DESC(misses, "cache misses per 100 references by name prefix");
module_param_named(branches, trait_list[T_BRANCHES], charp, 0444);
MODULE_PARM_DESC(branches, "branches per 1000 instructions by name prefix");
module_param_named(branch_misses, trait_list[T_BRANCH_MISSES], charp, 0444);
MODULE_PARM_DESC(branch_misses, "mispredictions per 1000 branches by name prefix");

/* ---- the simulated machine ---- */

enum base { B_IDLE, B_WAKE, B_BUSY, B_CORE_IDLE, B_UNCORE_IDLE, B_DRAM_IDLE, B_DRAM_BUSY, N_BASES };
static const u8 domain_bases[N_DIE_DOMAINS] = {
	[PKG] = BIT(B_IDLE) | BIT(B_WAKE) | BIT(B_BUSY),
	[CORE] = BIT(B_CORE_IDLE) | BIT(B_BUSY),
	[UNCORE] = BIT(B_UNCORE_IDLE) | BIT(B_WAKE),
	[DRAM] = BIT(B_DRAM_IDLE) | BIT(B_DRAM_BUSY),
};

enum mode { ON, MISSING, ZERO, FROZEN };

struct package {
	int id;
	int n_dies, n_cores, busy_cpus;
	uint pct;
	u64 next;		/* CLOCK_MONOTONIC ns of the next refresh */
	u64 random;		/* state of the jitter's generator */
	u64 updates;
	enum mode mode[N_REGS];
	u32 offset[N_REGS];	/* what the register read when its energy was 0 */
	u32 frozen[N_REGS];
};

struct die {
	int id;
	struct package *pkg;
	u64 p[N_BASES];			/* uW */
	wide e[N_BASES];		/* fJ since load */
	wide e0[N_BASES];		/* fJ at the last reset: the truth counts from here */
	wide latched[N_DIE_DOMAINS];	/* fJ at the last refresh */
};

struct core {
	int id;
	struct die *die;
	u64 idle_p, busy_p;	/* uW */
	wide e, e0, latched;	/* fJ */
};

enum event { CYCLES, INSTRUCTIONS, CACHE_REFS, CACHE_MISSES, BRANCHES, BRANCH_MISSES, BUS_CYCLES, REF_CYCLES, N_EVENTS };
#define BUS_MHZ 100
#define REF_MHZ 1000	/* of the time stamp counter that reference cycles and MPERF follow */

struct record {
	struct hlist_node hash;
	struct list_head live;
	const void *key;	/* the signal struct: one per thread group, unlike a PID never ambiguous */
	u32 index;
	bool dead, kthread;
	pid_t pid, ppid;
	u32 threads;
	char comm[TASK_COMM_LEN];
	wide e, dram_e;		/* fJ */
	wide ev[2];		/* cycles, instructions; 1e-9 of one */
	u64 cpu_ns;
	u64 fork_ns, exec_ns, exit_ns;
	u64 at_exec_nj, at_exit_nj, at_exec_dram_nj, at_exit_dram_nj, at_exec_cpu_ns, at_exit_cpu_ns;
	u64 snap[];		/* at exec, then at exit: each die's domains, then psys; nJ */
};

struct vcpu {
	struct core *core;	/* NULL: was not online at load, simulates nothing */
	const struct task_struct *task;	/* for comparison only */
	struct record *rec;
	int class;
	bool busy;
	uint mhz;
	u64 since;
	u64 p, dram_p;		/* uW while busy */
	u64 rate[N_EVENTS];	/* events per second while busy */
	wide ev[N_EVENTS];	/* 1e-9 of an event */
	wide e;
	u64 busy_ns, idle_ns, kthread_ns, switches;
	uint counters;		/* events of the PMU scheduled now */
	bool frozen;		/* perf is rearranging events: they all stop and start at one instant */
	u64 count[N_EVENTS];	/* the counts at that instant */
};

struct kind {
	char prefix[TASK_COMM_LEN];
	int v[N_TRAITS];	/* -1: as the default class */
};

static DEFINE_RAW_SPINLOCK(lock);
static int owner = -1;		/* CPU that holds the lock */
static DEFINE_MUTEX(control);	/* configuration, reset, and readers of /proc/raplsim */

static struct package packages[MAX_PACKAGES];
static struct die dies[MAX_DIES];
static struct core *cores;
static struct vcpu *cpus;
static int n_packages, n_dies, n_cores;
static struct kind classes[MAX_CLASSES] = {
	{ "", { [T_POWER] = 100, [T_DRAM] = 100, [T_IPC] = 150, [T_REFS] = 20, [T_MISSES] = 10,
		[T_BRANCHES] = 200, [T_BRANCH_MISSES] = 20 } },
};
static int n_classes = 1;

static u64 loaded, reset_at, now_all;	/* now_all: every die's energy is known up to here */
static u64 psys_p;
static wide psys_e, psys_e0, psys_latched;	/* the part beyond packages and DRAM; latched: all of it */

static struct hlist_head table[1 << HASH_BITS];
static LIST_HEAD(alive);
static struct record **records, *stray;
static u32 n_records, n_alive, generation;
static u64 lost;

static bool amd, atom;

/* ---- arithmetic ---- */

/* The low 64 bits of n / d; the kernel has no 128-bit division of its own. */
static u64 divide(wide n, u64 d)
{
	u64 high = (u64)(n >> 64) % d, low = (u64)n, rest;

	asm("divq %[d]" : "=a"(low), "=d"(rest) : [d] "r"(d), "a"(low), "d"(high) : "cc");
	return low;
}

static u64 nanojoules(wide fj)
{
	return divide(fj, 1000000);
}

/* Ticks of the counter of domain d in fj, and how many ticks make a Joule on this CPU model. */
static u64 ticks(wide fj, enum domain d)
{
	uint u = d == DRAM ? dram_esu : d == PSYS ? psys_esu : esu;

	if (atom)
		return divide(fj, 1000000000ULL << u);
	return divide(fj << u, 1000000000000000ULL);
}

static u64 xorshift(u64 *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 2685821657736338717ULL;
}

/* Time to a package's next refresh: twelve 16-bit uniforms summed have a deviation of 2^16. */
static u64 interval(struct package *p)
{
	s64 mean = knobs[UPDATE_US] * 1000, sum = -6 * 65536;
	int i;

	if (!knobs[JITTER_US])
		return mean;
	for (i = 0; i < 3; i++) {
		u64 r = xorshift(&p->random);

		sum += (r & 0xffff) + (r >> 16 & 0xffff) + (r >> 32 & 0xffff) + (r >> 48);
	}
	return max(mean + (sum * (s64)knobs[JITTER_US] * 1000 >> 16), mean / 16);
}

/* ---- energy ---- */

/* A domain's energy `ahead` ns after now_all, since load. */
static wide energy(const struct die *d, enum domain dom, u64 ahead)
{
	wide sum = 0;
	int b;

	for (b = 0; b < N_BASES; b++)
		if (domain_bases[dom] & BIT(b))
			sum += d->e[b] + (wide)d->p[b] * ahead;
	return sum;
}

static wide platform_energy(u64 ahead)
{
	wide sum = psys_e + (wide)psys_p * ahead;
	int i;

	for (i = 0; i < n_dies; i++)
		sum += energy(&dies[i], PKG, ahead) + energy(&dies[i], DRAM, ahead);
	return sum;
}

static void latch(struct package *p, u64 ahead)
{
	int i, d;

	for (i = 0; i < n_dies; i++)
		if (dies[i].pkg == p)
			for (d = 0; d < N_DIE_DOMAINS; d++)
				dies[i].latched[d] = energy(&dies[i], d, ahead);
	for (i = 0; i < n_cores; i++)
		if (cores[i].die->pkg == p)
			cores[i].latched = cores[i].e + (wide)(cores[i].idle_p + cores[i].busy_p) * ahead;
	if (p == packages)
		psys_latched = platform_energy(ahead);
}

/* ---- history: what all energies were at every moment at which some power changed ---- */

static uint trace = 262144;
module_param(trace, uint, 0444);
MODULE_PARM_DESC(trace, "moments kept in /proc/raplsim_trace, 0 for none");

/* Between two moments powers are constant, so energies at any instant are a straight line away. */
struct moment {
	u64 at;			/* CLOCK_MONOTONIC ns */
	wide e[];		/* fJ since load: N_DIE_DOMAINS per die, then the platform */
};
static void *moments;
static u64 n_moments;		/* ever recorded; the ring holds the last `trace` of them */

static size_t moment_size(void)
{
	return ALIGN(struct_size((struct moment *)NULL, e, n_dies * N_DIE_DOMAINS + 1), 16);
}

static struct moment *moment(void *ring, u64 n)
{
	return ring + n % trace * moment_size();
}

/* Energies must be up to date. */
static void remember(u64 now)
{
	struct moment *m;
	int i, d;

	if (!moments)
		return;
	m = moment(moments, n_moments++);
	m->at = now;
	for (i = 0; i < n_dies; i++)
		for (d = 0; d < N_DIE_DOMAINS; d++)
			m->e[i * N_DIE_DOMAINS + d] = energy(&dies[i], d, 0);
	m->e[n_dies * N_DIE_DOMAINS] = platform_energy(0);
}

/*
 * Bring all energies to the present and every register to its last refresh. Power has been constant
 * since now_all, so a refresh that has passed can be latched exactly after the fact: no timer needed,
 * and an idle machine stays idle.
 */
static u64 advance(void)
{
	u64 now = ktime_get_mono_fast_ns(), step = knobs[UPDATE_US] * 1000, dt, at;
	int i, b;

	if (now <= now_all)
		return now_all;
	dt = now - now_all;
	for (i = 0; i < n_packages; i++) {
		struct package *p = &packages[i];

		if (!step) {
			latch(p, dt);
			p->updates++;
			continue;
		}
		if (p->next > now)
			continue;
		/* After a very long gap the exact instants no longer matter, the time under the lock does. */
		if (now - p->next > 50000 * step) {
			u64 skip = (now - p->next) / step - 1000;

			p->next += skip * step;
			p->updates += skip;
		}
		do {
			at = p->next;
			p->next += interval(p);
			p->updates++;
		} while (p->next <= now);
		latch(p, at - now_all);
	}
	for (i = 0; i < n_dies; i++)
		for (b = 0; b < N_BASES; b++)
			dies[i].e[b] += (wide)dies[i].p[b] * dt;
	for (i = 0; i < n_cores; i++)
		cores[i].e += (wide)(cores[i].idle_p + cores[i].busy_p) * dt;
	psys_e += (wide)psys_p * dt;
	now_all = now;
	remember(now);
	return now;
}

/* Charge what CPU c did since it was last looked at to the task it runs. */
static void settle(struct vcpu *c, u64 now)
{
	u64 dt = now - c->since;
	struct record *r = c->rec;
	wide e = (wide)c->p * dt;
	int i;

	c->since = now;
	if (!c->busy) {
		c->idle_ns += dt;
		return;
	}
	c->busy_ns += dt;
	c->e += e;
	for (i = 0; i < N_EVENTS; i++)
		c->ev[i] += (wide)c->rate[i] * dt;
	r->e += e;
	r->dram_e += (wide)c->dram_p * dt;
	r->cpu_ns += dt;
	r->ev[0] += (wide)c->rate[CYCLES] * dt;
	r->ev[1] += (wide)c->rate[INSTRUCTIONS] * dt;
	if (r->kthread)
		c->kthread_ns += dt;
}

static void settle_all(u64 now)
{
	int i;

	for (i = 0; i < nr_cpu_ids; i++)
		if (cpus[i].core)
			settle(&cpus[i], now);
}

static int class_of(const char *comm)
{
	int i, best = 0;
	size_t len, longest = 0;

	for (i = 1; i < n_classes; i++) {
		len = strlen(classes[i].prefix);
		if (len > longest && !strncmp(comm, classes[i].prefix, len)) {
			best = i;
			longest = len;
		}
	}
	return best;
}

static u64 trait(int class, enum trait t)
{
	int v = classes[class].v[t];

	return v < 0 ? classes[0].v[t] : v;
}

static bool sibling_busy(int n)
{
	int s;

	for_each_cpu(s, topology_sibling_cpumask(n))
		if (s != n && cpus[s].busy)
			return true;
	return false;
}

/* Power and event rates of CPU n from its state; it must have been settled. */
static void set_power(int n)
{
	struct vcpu *c = &cpus[n];
	struct die *d = c->core->die;
	u64 p = 0, dram = 0, f = c->mhz, *rate = c->rate;

	if (c->busy) {
		/* mW/GHz * MHz = uW; mW/GHz^3 * MHz^3 / 1e6 = uW */
		p = knobs[BUSY_MW] * f;
		if (knobs[CUBIC_MW])
			p += mul_u64_u64_div_u64(knobs[CUBIC_MW], f * f * f, 1000000);
		p = p * trait(c->class, T_POWER) / 100 * d->pkg->pct / 100;
		if (knobs[SMT_PCT] != 100 && sibling_busy(n))
			p = p * knobs[SMT_PCT] / 100;
		dram = knobs[DRAM_BUSY_MW] * 1000 * trait(c->class, T_DRAM) / 100 * d->pkg->pct / 100;
		rate[CYCLES] = f * 1000000;
		rate[INSTRUCTIONS] = rate[CYCLES] * trait(c->class, T_IPC) / 100;
		rate[CACHE_REFS] = rate[INSTRUCTIONS] * trait(c->class, T_REFS) / 1000;
		rate[CACHE_MISSES] = rate[CACHE_REFS] * trait(c->class, T_MISSES) / 100;
		rate[BRANCHES] = rate[INSTRUCTIONS] * trait(c->class, T_BRANCHES) / 1000;
		rate[BRANCH_MISSES] = rate[BRANCHES] * trait(c->class, T_BRANCH_MISSES) / 1000;
		rate[BUS_CYCLES] = BUS_MHZ * 1000000;
		rate[REF_CYCLES] = REF_MHZ * 1000000;
	}
	d->p[B_BUSY] += p - c->p;
	d->p[B_DRAM_BUSY] += dram - c->dram_p;
	c->core->busy_p += p - c->p;
	c->p = p;
	c->dram_p = dram;
}

static void set_wake(struct package *p)
{
	u64 mw = p->busy_cpus ? knobs[WAKE_MW] : 0;
	int i;

	for (i = 0; i < n_dies; i++)
		if (dies[i].pkg == p)
			dies[i].p[B_WAKE] = mw * 10 * p->pct / p->n_dies;
}

/* Apply the parameters to everything; all accounts must be up to date. */
static void set_all_power(void)
{
	int i;

	for (i = 0; i < n_packages; i++)
		packages[i].pct = pkg_pct[min(i, n_pct - 1)];
	for (i = 0; i < n_dies; i++) {
		struct die *d = &dies[i];
		u64 scale = 10 * d->pkg->pct;	/* mW to uW, and percent */

		d->p[B_IDLE] = knobs[IDLE_MW] * scale / d->pkg->n_dies;
		d->p[B_CORE_IDLE] = knobs[CORE_IDLE_MW] * scale / d->pkg->n_dies;
		d->p[B_UNCORE_IDLE] = knobs[UNCORE_MW] * scale / d->pkg->n_dies;
		d->p[B_DRAM_IDLE] = knobs[DRAM_MW] * scale / d->pkg->n_dies;
	}
	for (i = 0; i < n_cores; i++)
		cores[i].idle_p = knobs[CORE_IDLE_MW] * 10 * cores[i].die->pkg->pct / cores[i].die->pkg->n_cores;
	for (i = 0; i < n_packages; i++)
		set_wake(&packages[i]);
	psys_p = knobs[PSYS_MW] * 1000;
	for (i = 0; i < nr_cpu_ids; i++)
		if (cpus[i].core) {
			cpus[i].mhz = freq_mhz[min(i, n_freq - 1)];
			set_power(i);
		}
}

static unsigned long enter(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&lock, flags);
	WRITE_ONCE(owner, raw_smp_processor_id());
	return flags;
}

static void leave(unsigned long flags)
{
	WRITE_ONCE(owner, -1);
	raw_spin_unlock_irqrestore(&lock, flags);
}

/* ---- processes ---- */

static size_t snap_words(void)
{
	return n_dies * N_DIE_DOMAINS + 1;
}

static struct record *find(const void *key)
{
	struct record *r;

	hlist_for_each_entry(r, &table[hash_ptr(key, HASH_BITS)], hash)
		if (r->key == key)
			return r;
	return NULL;
}

static struct record *new_record(void)
{
	return kzalloc(struct_size((struct record *)NULL, snap, 2 * snap_words()), GFP_ATOMIC | __GFP_NOWARN);
}

/* Returns false when the record was not taken: known already, or no room. */
static bool add_record(struct record *r, const struct task_struct *t, pid_t ppid, u64 fork_ns)
{
	if (find(t->signal))
		return false;
	if (n_records == max_procs) {
		lost++;
		return false;
	}
	r->key = t->signal;
	r->pid = t->tgid;
	r->ppid = ppid;
	r->threads = 1;
	r->kthread = t->flags & PF_KTHREAD;
	r->fork_ns = fork_ns;
	memcpy(r->comm, t->comm, TASK_COMM_LEN);
	r->index = n_records;
	records[n_records++] = r;
	hlist_add_head(&r->hash, &table[hash_ptr(r->key, HASH_BITS)]);
	list_add_tail(&r->live, &alive);
	n_alive++;
	return true;
}

static void snapshot(u64 *to)
{
	int i, d, b;

	for (i = 0; i < n_dies; i++)
		for (d = 0; d < N_DIE_DOMAINS; d++) {
			wide e = 0;

			for (b = 0; b < N_BASES; b++)
				if (domain_bases[d] & BIT(b))
					e += dies[i].e[b] - dies[i].e0[b];
			*to++ = nanojoules(e);
		}
	*to = nanojoules(platform_energy(0) - psys_e0);
}

/* CPU n now runs task t, called comm (or idles): the only place where the state of a CPU changes. */
static void run(int n, const struct task_struct *t, const char *comm, u64 now)
{
	struct vcpu *c = &cpus[n];
	struct package *p = c->core->die->pkg;
	bool busy = t->pid != 0;
	int s;

	settle(c, now);
	if (busy) {
		c->rec = find(t->signal);
		if (!c->rec)
			c->rec = stray;
		c->class = class_of(comm);
	}
	c->task = t;
	if (busy != c->busy) {
		c->busy = busy;
		p->busy_cpus += busy ? 1 : -1;
		if (p->busy_cpus == busy)	/* first one up or last one down */
			set_wake(p);
		if (knobs[SMT_PCT] != 100)
			for_each_cpu(s, topology_sibling_cpumask(n))
				if (s != n && cpus[s].core) {
					settle(&cpus[s], now);
					set_power(s);
				}
	}
	set_power(n);
}

static void on_switch(void *unused, bool preempt, struct task_struct *prev, struct task_struct *next,
		      unsigned int prev_state)
{
	unsigned long flags = enter();
	int n = raw_smp_processor_id();

	if (cpus[n].core) {
		cpus[n].switches++;
		run(n, next, next->comm, advance());
	}
	leave(flags);
}

static void on_rename(void *unused, struct task_struct *t, const char *comm)
{
	unsigned long flags = enter();
	struct vcpu *c = &cpus[task_cpu(t)];
	struct record *r;

	if (c->core && c->task == t)
		run(c - cpus, t, comm, advance());
	if (t->group_leader == t) {
		r = find(t->signal);
		if (r)
			strscpy(r->comm, comm, TASK_COMM_LEN);
	}
	leave(flags);
}

static void on_fork(void *unused, struct task_struct *parent, struct task_struct *child)
{
	struct record *r = NULL;
	unsigned long flags;
	bool taken = false;

	if (child->signal != parent->signal)
		r = new_record();
	flags = enter();
	if (r) {
		taken = add_record(r, child, parent->tgid, advance());
	} else if (child->signal != parent->signal) {
		lost++;
	} else {
		struct record *group = find(child->signal);

		if (group)
			group->threads++;
	}
	leave(flags);
	if (r && !taken)
		kfree(r);
}

static void on_exec(void *unused, struct task_struct *t, pid_t old_pid, struct linux_binprm *bprm)
{
	unsigned long flags = enter();
	u64 now = advance();
	struct record *r = find(t->signal);
	int n = raw_smp_processor_id();

	if (r) {
		if (cpus[n].core)
			settle(&cpus[n], now);
		r->exec_ns = now;
		r->at_exec_nj = nanojoules(r->e);
		r->at_exec_dram_nj = nanojoules(r->dram_e);
		r->at_exec_cpu_ns = r->cpu_ns;
		snapshot(r->snap);
	}
	leave(flags);
}

static void on_exit(void *unused, struct task_struct *t)
{
	unsigned long flags;
	u64 now;
	struct record *r;
	int n;

	/* Of several threads that leave at once the last one to come here counts. */
	if (atomic_read(&t->signal->live))
		return;
	flags = enter();
	now = advance();
	n = raw_smp_processor_id();
	r = find(t->signal);
	if (r) {
		if (cpus[n].core)
			settle(&cpus[n], now);
		r->exit_ns = now;
		r->at_exit_nj = nanojoules(r->e);
		r->at_exit_dram_nj = nanojoules(r->dram_e);
		r->at_exit_cpu_ns = r->cpu_ns;
		snapshot(r->snap + snap_words());
	}
	leave(flags);
}

/* The task is gone for good and will never run again: its record is final from here on. */
static void on_free(void *unused, struct task_struct *t)
{
	unsigned long flags;
	struct record *r;

	if (!thread_group_leader(t))
		return;
	flags = enter();
	r = find(t->signal);
	if (r) {
		r->dead = true;
		hlist_del(&r->hash);
		list_del(&r->live);
		n_alive--;
	}
	leave(flags);
}

static struct hook {
	const char *name;
	void *probe;
	struct tracepoint *tp;
} hooks[] = {
	{ "sched_process_fork", on_fork },
	{ "sched_process_free", on_free },
	{ "sched_process_exec", on_exec },
	{ "sched_process_exit", on_exit },
	{ "task_rename", on_rename },
	{ "sched_switch", on_switch },
};

/* ---- registers ---- */

static u32 counter(const struct vcpu *c, enum domain dom)
{
	const struct die *d = c->core->die;
	const struct package *p = dom == PSYS ? packages : d->pkg;
	wide e = 0;
	int i;

	if (p->mode[dom] == FROZEN)
		return p->frozen[dom];
	if (dom == PSYS)
		e = psys_latched;
	else if (!amd)
		e = d->latched[dom];
	else if (dom == CORE)
		e = c->core->latched;
	else
		for (i = 0; i < n_dies; i++)	/* an AMD package has one counter whatever its dies */
			if (dies[i].pkg == p)
				e += dies[i].latched[dom];
	return p->offset[dom] + (u32)ticks(e, dom);
}

/* One RAPL register as CPU n sees it. Returns 0 or -EIO for a fault. */
static int read_register(int n, enum domain reg, bool is_counter, u64 other, u64 *value)
{
	const struct vcpu *c = &cpus[n];
	const struct package *p = reg == PSYS ? packages : c->core->die->pkg;

	*value = 0;
	if (!rapl || p->mode[reg] == MISSING)
		return -EIO;
	/* Only the first package's register follows the platform. */
	if (reg == PSYS && c->core->die->pkg != packages)
		return 0;
	if (p->mode[reg] != ZERO)
		*value = is_counter ? counter(c, reg) : other;
	return 0;
}

/* Answers the read of an MSR on this CPU: false when it is none of ours. */
static bool answer(u32 msr, u64 *v, int *err)
{
	int n = raw_smp_processor_id();
	u64 tdp = knobs[TDP_W] * 8;	/* in units of 1/8 W */
	unsigned long flags;
	bool counter = false, of_amd = false;
	enum domain reg;
	u64 other = 0;

	switch (msr) {
	case 0x606:		reg = UNIT; other = 0xA0003 | esu << 8; break;
	case 0xC0010299:	reg = UNIT; other = 0xA0003 | esu << 8; of_amd = true; break;
	case 0x611:		reg = PKG; counter = true; break;
	case 0xC001029B:	reg = PKG; counter = true; of_amd = true; break;
	case 0x639:		reg = CORE; counter = true; break;
	case 0xC001029A:	reg = CORE; counter = true; of_amd = true; break;
	case 0x641:		reg = UNCORE; counter = true; break;
	case 0x619:		reg = DRAM; counter = true; break;
	case 0x64D:		reg = PSYS; counter = true; break;
	case 0x610:		reg = PKG; other = (tdp & 0x7fff) | BIT(15) | BIT(16) | 0xAULL << 17; break;
	case 0x614:		reg = PKG; other = tdp & 0x7fff; break;
	case 0x613:		reg = PKG; break;
	case 0x638: case 0x63A: case 0x63B:	reg = CORE; break;
	case 0x640: case 0x642:			reg = UNCORE; break;
	case 0x618: case 0x61B: case 0x61C:	reg = DRAM; break;
	case 0x65C:				reg = PSYS; break;
	case 0xBC:	/* energy filtering */
		*v = filter > 0;
		*err = filter < 0 || amd ? -EIO : 0;
		return true;
	case 0x1A2:	/* temperature target: 100 degrees */
		*v = 100 << 16;
		*err = amd ? -EIO : 0;
		return true;
	case 0xCE:	/* platform information: base frequency in units of the bus clock */
		*v = REF_MHZ / BUS_MHZ << 8 | (u64)(REF_MHZ / BUS_MHZ) << 40;
		*err = amd ? -EIO : 0;
		return true;
	case 0x1AD:	/* turbo ratios */
		*v = REF_MHZ / BUS_MHZ * 0x0101010101010101ULL;
		*err = amd ? -EIO : 0;
		return true;
	case 0xE7: case 0xE8:	/* MPERF, APERF */
		flags = enter();
		if (cpus[n].core)
			settle(&cpus[n], advance());
		*v = divide(cpus[n].ev[msr == 0xE7 ? REF_CYCLES : CYCLES], 1000000000);
		*err = 0;
		leave(flags);
		return true;
	default:
		return false;
	}
	if (!cpus[n].core)
		return false;
	if (of_amd != amd) {
		*v = 0;
		*err = -EIO;
		return true;
	}
	flags = enter();
	advance();
	*err = read_register(n, reg, counter, other, v);
	leave(flags);
	return true;
}

/* Makes the probed function return at once, with v in the result register. */
static int finish(struct pt_regs *regs, u64 v)
{
	regs->ax = v;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return 1;
}

static int on_read(struct kprobe *p, struct pt_regs *regs)
{
	u64 v;
	int err;

	/* A BPF program on a function called under the lock may read an event: let it through. */
	if (READ_ONCE(owner) == raw_smp_processor_id() || !answer(regs->di, &v, &err))
		return 0;
	return finish(regs, v);
}

static int on_read_safe(struct kprobe *p, struct pt_regs *regs)
{
	u64 v;
	int err;

	if (READ_ONCE(owner) == raw_smp_processor_id() || !answer(regs->di, &v, &err))
		return 0;
	*(int *)regs->si = err;
	return finish(regs, v);
}

/* Its presence keeps kprobes from turning the breakpoint into a jump, which could not skip the function. */
static void no_jump(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probes[] = {
	{ .symbol_name = "native_read_msr", .pre_handler = on_read, .post_handler = no_jump },
	{ .symbol_name = "native_read_msr_safe", .pre_handler = on_read_safe, .post_handler = no_jump },
};

/* ---- the core PMU ---- */

static int pmu_event(const struct perf_event *e)
{
	static const struct { u16 code; u8 event; } raw[] = {
		{ 0x003C, CYCLES }, { 0x00C0, INSTRUCTIONS }, { 0x4F2E, CACHE_REFS }, { 0x412E, CACHE_MISSES },
		{ 0x00C4, BRANCHES }, { 0x00C5, BRANCH_MISSES }, { 0x013C, BUS_CYCLES }, { 0x0300, REF_CYCLES },
	};
	int i;

	if (e->attr.type == PERF_TYPE_HARDWARE)
		switch (e->attr.config & 0xffffffff) {
		case PERF_COUNT_HW_CPU_CYCLES ... PERF_COUNT_HW_BUS_CYCLES:
			return e->attr.config & 0xff;
		case PERF_COUNT_HW_REF_CPU_CYCLES:
			return REF_CYCLES;
		}
	if (e->attr.type == PERF_TYPE_RAW)
		for (i = 0; i < ARRAY_SIZE(raw); i++)
			if (e->attr.config == raw[i].code)
				return raw[i].event;
	return -ENOENT;
}

static int pmu_init_event(struct perf_event *e)
{
	struct perf_event *s, *leader = e->group_leader;
	int event = pmu_event(e);
	uint n = 1;

	if (event < 0)
		return event;
	if (e->attr.sample_period)
		return -EOPNOTSUPP;
	/* A group that can never be scheduled as a whole is refused, as real PMUs do. */
	if (leader != e) {
		n += leader->pmu == e->pmu;
		for_each_sibling_event(s, leader)
			n += s->pmu == e->pmu;
		if (n > pmu_counters)
			return -EINVAL;
	}
	e->hw.config = event;
	return 0;
}

static u64 pmu_count(int event)
{
	unsigned long flags = enter();
	struct vcpu *c = &cpus[raw_smp_processor_id()];
	u64 v;

	if (c->frozen) {
		v = c->count[event];
	} else {
		if (c->core)
			settle(c, advance());
		v = divide(c->ev[event], 1000000000);
	}
	leave(flags);
	return v;
}

static void pmu_disable(struct pmu *unused)
{
	unsigned long flags = enter();
	struct vcpu *c = &cpus[raw_smp_processor_id()];
	int i;

	if (c->core)
		settle(c, advance());
	for (i = 0; i < N_EVENTS; i++)
		c->count[i] = divide(c->ev[i], 1000000000);
	c->frozen = true;
	leave(flags);
}

static void pmu_enable(struct pmu *unused)
{
	cpus[raw_smp_processor_id()].frozen = false;
}

static void pmu_read(struct perf_event *e)
{
	u64 now = pmu_count(e->hw.config);

	local64_add(now - local64_xchg(&e->hw.prev_count, now), &e->count);
}

static void pmu_start(struct perf_event *e, int flags)
{
	e->hw.state = 0;
	local64_set(&e->hw.prev_count, pmu_count(e->hw.config));
}

static void pmu_stop(struct perf_event *e, int flags)
{
	if (e->hw.state & PERF_HES_STOPPED)
		return;
	pmu_read(e);
	e->hw.state |= PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int pmu_add(struct perf_event *e, int flags)
{
	struct vcpu *c = &cpus[raw_smp_processor_id()];

	if (c->counters >= pmu_counters)
		return -EAGAIN;
	c->counters++;
	e->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (flags & PERF_EF_START)
		pmu_start(e, 0);
	perf_event_update_userpage(e);
	return 0;
}

static void pmu_del(struct perf_event *e, int flags)
{
	pmu_stop(e, PERF_EF_UPDATE);
	cpus[raw_smp_processor_id()].counters--;
	perf_event_update_userpage(e);
}

PMU_FORMAT_ATTR(event, "config:0-7");
PMU_FORMAT_ATTR(umask, "config:8-15");
static struct attribute *format_attrs[] = { &format_attr_event.attr, &format_attr_umask.attr, NULL };
static const struct attribute_group format_group = { .name = "format", .attrs = format_attrs };

PMU_EVENT_ATTR_STRING(cpu-cycles, event_cycles, "event=0x3c");
PMU_EVENT_ATTR_STRING(instructions, event_instructions, "event=0xc0");
PMU_EVENT_ATTR_STRING(cache-references, event_refs, "event=0x2e,umask=0x4f");
PMU_EVENT_ATTR_STRING(cache-misses, event_misses, "event=0x2e,umask=0x41");
PMU_EVENT_ATTR_STRING(branch-instructions, event_branches, "event=0xc4");
PMU_EVENT_ATTR_STRING(branch-misses, event_branch_misses, "event=0xc5");
PMU_EVENT_ATTR_STRING(bus-cycles, event_bus, "event=0x3c,umask=0x01");
PMU_EVENT_ATTR_STRING(ref-cycles, event_ref, "event=0x00,umask=0x03");
static struct attribute *event_attrs[] = {
	&event_cycles.attr.attr, &event_instructions.attr.attr, &event_refs.attr.attr,
	&event_misses.attr.attr, &event_branches.attr.attr, &event_branch_misses.attr.attr,
	&event_bus.attr.attr, &event_ref.attr.attr, NULL,
};
static const struct attribute_group event_group = { .name = "events", .attrs = event_attrs };
static const struct attribute_group *pmu_groups[] = { &format_group, &event_group, NULL };

static struct pmu core_pmu = {
	.module = THIS_MODULE,
	.attr_groups = pmu_groups,
	.event_init = pmu_init_event,
	.pmu_disable = pmu_disable,
	.pmu_enable = pmu_enable,
	.add = pmu_add,
	.del = pmu_del,
	.start = pmu_start,
	.stop = pmu_stop,
	.read = pmu_read,
	.capabilities = PERF_PMU_CAP_NO_INTERRUPT
	/* Until 6.6 a second registration (after a reload) counts as a second kind of CPU. */
#ifdef PERF_PMU_CAP_HETEROGENEOUS_CPUS
		| PERF_PMU_CAP_HETEROGENEOUS_CPUS
#endif
	,
};

/* ---- /proc/raplsim: the truth ---- */

/* All that changes, copied at one instant when the file is opened; dead records never change. */
struct view {
	u32 generation, n_records, n_live, next_live;
	u64 mono, local, updates[MAX_PACKAGES], lost;
	struct die dies[MAX_DIES];
	wide psys;
	struct vcpu *cpus;
	struct core *cores;
	size_t record_size;
	void *live;
};

static struct record *live_at(const struct view *v, u32 i)
{
	return v->live + i * v->record_size;
}

static void free_view(struct view *v)
{
	if (!v)
		return;
	kvfree(v->live);
	kvfree(v->cores);
	kvfree(v->cpus);
	kvfree(v);
}

static struct view *new_view(void)
{
	struct view *v = kvzalloc(sizeof(*v), GFP_KERNEL);
	struct record *r;
	unsigned long flags;
	u32 room;
	int i;

	if (!v)
		return NULL;
	v->record_size = ALIGN(struct_size((struct record *)NULL, snap, 2 * snap_words()), 16);
	v->cpus = kvcalloc(nr_cpu_ids, sizeof(*cpus), GFP_KERNEL);
	v->cores = kvcalloc(n_cores, sizeof(*cores), GFP_KERNEL);
	do {
		room = READ_ONCE(n_alive) + 64;
		kvfree(v->live);
		v->live = kvcalloc(room, v->record_size, GFP_KERNEL);
		if (!v->cpus || !v->cores || !v->live) {
			free_view(v);
			return NULL;
		}
		flags = enter();
		if (n_alive <= room) {
			v->mono = advance();
			v->local = local_clock();
			settle_all(v->mono);
			v->generation = generation;
			v->n_records = n_records;
			v->lost = lost;
			v->psys = platform_energy(0) - psys_e0;
			memcpy(v->dies, dies, n_dies * sizeof(*dies));
			memcpy(v->cores, cores, n_cores * sizeof(*cores));
			memcpy(v->cpus, cpus, nr_cpu_ids * sizeof(*cpus));
			for (i = 0; i < n_packages; i++)
				v->updates[i] = packages[i].updates;
			list_for_each_entry(r, &alive, live)
				memcpy(live_at(v, v->n_live++), r, struct_size(r, snap, 2 * snap_words()));
		}
		leave(flags);
	} while (v->n_live == 0);	/* never true of a system that runs us, unless there was no room */
	return v;
}

static void show_head(struct seq_file *m, const struct view *v)
{
	int i, d, b;

	seq_printf(m, "raplsim version=1 packages=%d dies=%d cores=%d processes=%u lost=%llu\n",
		   n_packages, n_dies, n_cores, v->n_records, v->lost);
	seq_printf(m, "clock mono_ns=%llu local_ns=%llu loaded_ns=%llu reset_ns=%llu\n",
		   v->mono, v->local, loaded, reset_at);
	seq_printf(m, "config esu=%u dram_esu=%d psys_esu=%d start=%u seed=%llu filter=%d pmu_counters=%u",
		   esu, dram_esu, psys_esu, start, seed, filter, pmu ? pmu_counters : 0);
	for (i = 0; i < N_KNOBS; i++)
		seq_printf(m, " %s=%llu", knob_name[i], knobs[i]);
	seq_putc(m, '\n');
	for (i = 0; i < n_dies; i++) {
		const struct die *die = &v->dies[i];
		wide e[N_BASES], sum;

		for (b = 0; b < N_BASES; b++)
			e[b] = die->e[b] - die->e0[b];
		seq_printf(m, "die package=%d die=%d", die->pkg->id, die->id);
		for (d = 0; d < N_DIE_DOMAINS; d++) {
			for (sum = 0, b = 0; b < N_BASES; b++)
				if (domain_bases[d] & BIT(b))
					sum += e[b];
			seq_printf(m, " %s_nj=%llu", domain_name[d], nanojoules(sum));
		}
		seq_printf(m, " idle_nj=%llu wake_nj=%llu dyn_nj=%llu dram_dyn_nj=%llu", nanojoules(e[B_IDLE]),
			   nanojoules(e[B_WAKE]), nanojoules(e[B_BUSY]), nanojoules(e[B_DRAM_BUSY]));
		for (d = 0; d < N_DIE_DOMAINS; d++)
			seq_printf(m, " %s_wraps=%llu", domain_name[d],
				   (start + ticks(die->latched[d], d)) >> 32);
		seq_printf(m, " updates=%llu\n", v->updates[die->pkg - packages]);
	}
	seq_printf(m, "psys nj=%llu\n", nanojoules(v->psys));
	for (i = 0; i < n_cores; i++)
		seq_printf(m, "core package=%d die=%d core=%d nj=%llu\n", v->cores[i].die->pkg->id,
			   v->cores[i].die->id, v->cores[i].id, nanojoules(v->cores[i].e - v->cores[i].e0));
	for (i = 0; i < nr_cpu_ids; i++) {
		const struct vcpu *c = &v->cpus[i];

		if (c->core)
			seq_printf(m, "cpu cpu=%d package=%d die=%d core=%d mhz=%u busy_ns=%llu idle_ns=%llu kthread_ns=%llu dyn_nj=%llu cycles=%llu instructions=%llu switches=%llu\n",
				   i, c->core->die->pkg->id, c->core->die->id, c->core->id, c->mhz, c->busy_ns,
				   c->idle_ns, c->kthread_ns, nanojoules(c->e), divide(c->ev[CYCLES], 1000000000),
				   divide(c->ev[INSTRUCTIONS], 1000000000), c->switches);
	}
}

static void show_snapshot(struct seq_file *m, const char *when, const u64 *snap)
{
	int i;

	for (i = 0; i < n_dies; i++, snap += N_DIE_DOMAINS)
		seq_printf(m, " %s_%d.%d_nj=%llu,%llu,%llu,%llu", when, dies[i].pkg->id, dies[i].id,
			   snap[PKG], snap[CORE], snap[UNCORE], snap[DRAM]);
	seq_printf(m, " %s_psys_nj=%llu", when, *snap);
}

static void show_record(struct seq_file *m, const struct record *r, bool live)
{
	seq_printf(m, "process pid=%d ppid=%d comm=", r->pid, r->ppid);
	seq_escape(m, r->comm, " \t\n\\=");
	seq_printf(m, " kthread=%d live=%d threads=%u dyn_nj=%llu dram_nj=%llu cpu_ns=%llu cycles=%llu instructions=%llu fork_ns=%llu exec_ns=%llu exit_ns=%llu",
		   r->kthread, live, r->threads, nanojoules(r->e), nanojoules(r->dram_e), r->cpu_ns,
		   divide(r->ev[0], 1000000000), divide(r->ev[1], 1000000000), r->fork_ns, r->exec_ns, r->exit_ns);
	if (r->exec_ns) {
		seq_printf(m, " exec_dyn_nj=%llu exec_dram_nj=%llu exec_cpu_ns=%llu", r->at_exec_nj,
			   r->at_exec_dram_nj, r->at_exec_cpu_ns);
		show_snapshot(m, "exec", r->snap);
	}
	if (r->exit_ns) {
		seq_printf(m, " exit_dyn_nj=%llu exit_dram_nj=%llu exit_cpu_ns=%llu", r->at_exit_nj,
			   r->at_exit_dram_nj, r->at_exit_cpu_ns);
		show_snapshot(m, "exit", r->snap + snap_words());
	}
	seq_putc(m, '\n');
}

static void *item(const struct view *v, loff_t pos)
{
	return v->generation == generation && pos <= v->n_records ? (void *)(pos + 1) : NULL;
}

static void *seq_start_truth(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&control);
	return item(m->private, *pos);
}

static void *seq_next_truth(struct seq_file *m, void *at, loff_t *pos)
{
	++*pos;
	return item(m->private, *pos);
}

static void seq_stop_truth(struct seq_file *m, void *at)
{
	mutex_unlock(&control);
}

static int seq_show_truth(struct seq_file *m, void *at)
{
	struct view *v = m->private;
	u32 i = (unsigned long)at - 2;

	if ((unsigned long)at == 1) {
		show_head(m, v);
		return 0;
	}
	/* Both lists are in order of creation; a reader that went back starts over. */
	if (v->next_live && live_at(v, v->next_live - 1)->index >= i)
		v->next_live = 0;
	while (v->next_live < v->n_live && live_at(v, v->next_live)->index < i)
		v->next_live++;
	if (v->next_live < v->n_live && live_at(v, v->next_live)->index == i)
		show_record(m, live_at(v, v->next_live), !live_at(v, v->next_live)->exit_ns);
	else
		show_record(m, records[i], false);
	return 0;
}

static const struct seq_operations seq_truth = {
	.start = seq_start_truth, .next = seq_next_truth, .stop = seq_stop_truth, .show = seq_show_truth,
};

static int open_truth(struct inode *inode, struct file *file)
{
	struct view *v;
	int err;

	if (!(file->f_mode & FMODE_READ))
		return 0;
	v = new_view();
	if (!v)
		return -ENOMEM;
	err = seq_open(file, &seq_truth);
	if (err)
		free_view(v);
	else
		((struct seq_file *)file->private_data)->private = v;
	return err;
}

static int release_truth(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	if (!m)
		return 0;
	free_view(m->private);
	return seq_release(inode, file);
}

/* A file opened for writing only has no position to move. */
static loff_t seek_truth(struct file *file, loff_t offset, int whence)
{
	return file->private_data ? seq_lseek(file, offset, whence) : 0;
}

/* ---- /proc/raplsim_live: what every living program has spent, cheap enough to be looked up all the while ---- */

static int show_live(struct seq_file *m, void *unused)
{
	struct view *v = new_view();
	u32 i;

	if (!v)
		return -ENOMEM;
	seq_printf(m, "%llu\n", v->mono);
	for (i = 0; i < v->n_live; i++) {
		const struct record *r = live_at(v, i);

		if (!r->kthread && r->pid > 0)
			seq_printf(m, "%d %llu %llu\n", r->pid, r->fork_ns, nanojoules(r->e));
	}
	free_view(v);
	return 0;
}

/*
 * ---- /proc/raplsim_trace: a line per moment, oldest first ----
 *
 * What is read is what the ring held when "FROM TO" (CLOCK_MONOTONIC ns) was written: the moments between
 * the two, with the one before and the one after. Without a write it is everything.
 */

struct trace_view {
	u64 n;
	void *moments;
};

static void *seq_moment(struct seq_file *m, loff_t *pos)
{
	struct trace_view *v = m->private;

	return *pos < v->n ? v->moments + *pos * moment_size() : NULL;
}

static void *seq_next_moment(struct seq_file *m, void *at, loff_t *pos)
{
	++*pos;
	return seq_moment(m, pos);
}

static int seq_show_moment(struct seq_file *m, void *at)
{
	struct moment *t = at;
	int i;

	seq_printf(m, "%llu", t->at);
	for (i = 0; i <= n_dies * N_DIE_DOMAINS; i++)
		seq_printf(m, " %llu", nanojoules(t->e[i]));
	seq_putc(m, '\n');
	return 0;
}

static const struct seq_operations seq_trace = {
	.start = seq_moment, .next = seq_next_moment, .stop = seq_stop_truth, .show = seq_show_moment,
};

/* The first moment of [low, high) that is not before an instant. */
static u64 moment_since(u64 low, u64 high, u64 at)
{
	while (low < high) {
		u64 mid = low + (high - low) / 2;

		if (moment(moments, mid)->at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Copies are taken in pieces: the machine must not stand still meanwhile. */
static int take_view(struct trace_view *v, u64 from, u64 to)
{
	u64 oldest, first, end, stop;
	unsigned long flags = enter();

	settle_all(advance());
	oldest = n_moments > trace ? n_moments - trace : 0;
	first = moment_since(oldest, n_moments, from);
	end = moment_since(first, n_moments, to);
	leave(flags);
	if (first > oldest)
		first--;
	end = min(end + 1, n_moments);
	vfree(v->moments);
	v->n = 0;
	v->moments = vmalloc(max(end - first, 1ull) * moment_size());
	if (!v->moments)
		return -ENOMEM;
	while (first < end) {
		flags = enter();
		oldest = n_moments > trace ? n_moments - trace : 0;
		/* What was overwritten in the meantime is gone: a view begins after it. */
		if (first < oldest) {
			first = min(oldest, end);
			v->n = 0;
		}
		for (stop = min(first + 64, end); first < stop; first++)
			memcpy(v->moments + v->n++ * moment_size(), moment(moments, first), moment_size());
		leave(flags);
	}
	return 0;
}

static int open_trace(struct inode *inode, struct file *file)
{
	struct trace_view *v;

	if (!moments)
		return -ENODATA;
	v = __seq_open_private(file, &seq_trace, sizeof(*v));
	return v ? 0 : -ENOMEM;
}

static ssize_t read_trace(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	struct trace_view *v = ((struct seq_file *)file->private_data)->private;
	int err = v->moments ? 0 : take_view(v, 0, U64_MAX);

	return err ?: seq_read(file, to, len, pos);
}

static ssize_t narrow_trace(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char text[48];
	u64 start, end;
	int err;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	text[len] = 0;
	if (sscanf(text, "%llu %llu", &start, &end) != 2 || start > end)
		return -EINVAL;
	err = take_view(((struct seq_file *)file->private_data)->private, start, end);
	return err ?: len;
}

static int release_trace(struct inode *inode, struct file *file)
{
	struct trace_view *v = ((struct seq_file *)file->private_data)->private;

	vfree(v->moments);
	return seq_release_private(inode, file);
}

static const struct proc_ops proc_trace = {
	.proc_open = open_trace,
	.proc_read = read_trace,
	.proc_write = narrow_trace,
	.proc_lseek = seq_lseek,
	.proc_release = release_trace,
};

/* ---- configuration: parameters at load, writes to /proc/raplsim later ---- */

static struct kind *class_named(const char *prefix)
{
	struct kind *c;
	int i, t;

	if (!strcmp(prefix, "*"))
		return classes;
	for (i = 1; i < n_classes; i++)
		if (!strcmp(classes[i].prefix, prefix))
			return &classes[i];
	if (n_classes == MAX_CLASSES || !*prefix || strlen(prefix) >= TASK_COMM_LEN)
		return NULL;
	c = &classes[n_classes++];
	strcpy(c->prefix, prefix);
	for (t = 0; t < N_TRAITS; t++)
		c->v[t] = -1;
	return c;
}

/* "prefix:value,prefix:value"; text is taken apart */
static int parse_traits(enum trait t, char *text)
{
	char *one, *colon;
	struct kind *c;
	u32 v;

	while ((one = strsep(&text, ","))) {
		colon = strrchr(one, ':');
		if (!colon)
			return -EINVAL;
		*colon = 0;
		if (kstrtou32(colon + 1, 0, &v) || v > 1000000)
			return -EINVAL;
		c = class_named(one);
		if (!c)
			return -EINVAL;
		c->v[t] = v;
	}
	return 0;
}

static int find_name(const char *const *names, int n, const char *name)
{
	int i;

	for (i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
}

static void set_mode(struct package *p, int reg, enum mode mode)
{
	int i;

	if (mode == FROZEN && reg < N_DOMAINS)
		for (i = 0; i < nr_cpu_ids; i++)
			if (cpus[i].core && cpus[i].core->die->pkg == p) {
				p->frozen[reg] = counter(&cpus[i], reg);
				break;
			}
	p->mode[reg] = mode;
}

/* "on" or "on,missing,...": the last one holds for the remaining packages; text is taken apart */
static int parse_modes(int reg, char *text)
{
	static const char *const names[] = { [ON] = "on", [MISSING] = "missing", [ZERO] = "zero" };
	char *one = strsep(&text, ",");
	int i, mode;

	for (i = 0; i < MAX_PACKAGES; i++) {
		mode = find_name(names, ARRAY_SIZE(names), one);
		if (mode < 0)
			return -EINVAL;
		packages[i].mode[reg] = mode;
		if (text)
			one = strsep(&text, ",");
	}
	return text ? -EINVAL : 0;
}

static int parse_list(char *text, uint *to, int room, uint limit, int *n)
{
	uint v[256];
	char *one;
	int i = 0;

	while ((one = strsep(&text, ","))) {
		if (i == room || kstrtouint(one, 0, &v[i]) || v[i] > limit)
			return -EINVAL;
		i++;
	}
	memcpy(to, v, i * sizeof(*v));
	*n = i;
	return 0;
}

/* "DOMAIN", "DOMAIN:PACKAGE" or, with a value, "DOMAIN:PACKAGE:VALUE" */
static int parse_target(char *text, int *reg, int *pkg, u32 *value)
{
	char *name = strsep(&text, ":"), *part;

	*pkg = -1;
	*reg = find_name(domain_name, N_REGS, name);
	if (*reg < 0)
		return -EINVAL;
	if (text) {
		part = strsep(&text, ":");
		if (strcmp(part, "*") && (kstrtoint(part, 0, pkg) || *pkg < 0))
			return -EINVAL;
	}
	if (value)
		return text ? kstrtou32(text, 0, value) : -EINVAL;
	return text ? -EINVAL : 0;
}

static int set_frequency(char *text)
{
	char *who = strsep(&text, ": ");
	uint mhz, n;
	int i;

	if (!text || kstrtouint(text, 0, &mhz) || mhz > 100000)
		return -EINVAL;
	if (strcmp(who, "all")) {
		if (kstrtouint(who, 0, &n) || n >= ARRAY_SIZE(freq_mhz))
			return -EINVAL;
		/* The last entry stands for all later CPUs: spell them out before one of them changes. */
		for (i = n_freq; i < ARRAY_SIZE(freq_mhz); i++)
			freq_mhz[i] = freq_mhz[n_freq - 1];
		n_freq = ARRAY_SIZE(freq_mhz);
		freq_mhz[n] = mhz;
	} else {
		n_freq = 1;
		freq_mhz[0] = mhz;
	}
	return 0;
}

/* Forget dead processes and start the truth at zero; the registers, like real ones, run on. */
static void reset_truth(void)
{
	struct record *r, *dead = NULL;
	unsigned long flags = enter();
	u64 now = advance();
	u32 i, kept = 0;
	int n, b;

	settle_all(now);
	for (n = 0; n < n_dies; n++)
		for (b = 0; b < N_BASES; b++)
			dies[n].e0[b] = dies[n].e[b];
	for (n = 0; n < n_cores; n++)
		cores[n].e0 = cores[n].e;
	psys_e0 = platform_energy(0);
	for (n = 0; n < nr_cpu_ids; n++) {
		cpus[n].e = 0;
		cpus[n].busy_ns = cpus[n].idle_ns = cpus[n].kthread_ns = cpus[n].switches = 0;
	}
	for (i = 0; i < n_records; i++) {
		r = records[i];
		if (r->dead) {
			r->key = dead;
			dead = r;
			continue;
		}
		r->index = kept;
		records[kept++] = r;
		r->e = r->dram_e = r->ev[0] = r->ev[1] = 0;
		r->cpu_ns = r->at_exec_nj = r->at_exec_dram_nj = r->at_exec_cpu_ns = 0;
		memset(r->snap, 0, snap_words() * sizeof(*r->snap));
	}
	n_records = kept;
	lost = 0;
	generation++;
	reset_at = now;
	leave(flags);
	while (dead) {
		r = dead;
		dead = (struct record *)r->key;
		kfree(r);
	}
}

/* One command; under the lock with all accounts up to date. */
static int command(const char *key, char *value)
{
	static const char *const verbs[] = { [ON] = "ok", [MISSING] = "fail", [ZERO] = "zero", [FROZEN] = "freeze" };
	int i, reg, pkg, mode = find_name(verbs, ARRAY_SIZE(verbs), key), err;
	u32 raw;

	i = find_name(knob_name, N_KNOBS, key);
	if (i >= 0) {
		u64 v;

		if (kstrtou64(value, 0, &v))
			return -EINVAL;
		if (i == UPDATE_US || i == JITTER_US)
			for (reg = 0; reg < n_packages; reg++)
				packages[reg].next = now_all + 1;
		knobs[i] = v;
		return 0;
	}
	i = find_name(trait_name, N_TRAITS, key);
	if (i >= 0) {
		err = parse_traits(i, value);
		for (i = 0; i < nr_cpu_ids; i++)
			if (cpus[i].core && cpus[i].busy)
				cpus[i].class = class_of(cpus[i].task->comm);
		return err;
	}
	if (mode >= 0 || !strcmp(key, "jump")) {
		err = parse_target(value, &reg, &pkg, mode < 0 ? &raw : NULL);
		if (err || pkg >= n_packages || (reg == UNIT && (mode < 0 || mode == FROZEN)))
			return -EINVAL;
		for (i = 0; i < n_packages; i++) {
			struct package *p = &packages[i];
			int c;

			if (pkg >= 0 && pkg != i)
				continue;
			if (mode >= 0) {
				set_mode(p, reg, mode);
				continue;
			}
			for (c = 0; c < nr_cpu_ids; c++)
				if (cpus[c].core && cpus[c].core->die->pkg == p) {
					p->offset[reg] += raw - counter(&cpus[c], reg);
					break;
				}
		}
		return 0;
	}
	if (!strcmp(key, "freq"))
		return set_frequency(value);
	if (!strcmp(key, "freq_mhz"))
		return parse_list(value, freq_mhz, ARRAY_SIZE(freq_mhz), 100000, &n_freq);
	if (!strcmp(key, "pkg_pct"))
		return parse_list(value, pkg_pct, MAX_PACKAGES, 1000000, &n_pct);
	if (!strcmp(key, "filter"))
		return kstrtoint(value, 0, &filter);
	return -EINVAL;
}

static ssize_t write_truth(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *text, *rest, *line, *value;
	unsigned long flags;
	int err = 0;

	if (len > PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	rest = text;
	mutex_lock(&control);
	while (!err && (line = strsep(&rest, "\n;"))) {
		line = strim(line);
		if (!*line)
			continue;
		if (!strcmp(line, "reset")) {
			reset_truth();
			continue;
		}
		value = strpbrk(line, "= ");
		if (!value) {
			err = -EINVAL;
			break;
		}
		*value++ = 0;
		flags = enter();
		settle_all(advance());
		err = command(line, value);
		set_all_power();
		leave(flags);
	}
	mutex_unlock(&control);
	kfree(text);
	return err ? err : len;
}

static const struct proc_ops proc_truth = {
	.proc_open = open_truth,
	.proc_read = seq_read,
	.proc_lseek = seek_truth,
	.proc_write = write_truth,
	.proc_release = release_truth,
};

/* ---- loading and unloading ---- */

static struct package *add_package(int id)
{
	struct package *p;

	for (p = packages; p < packages + n_packages; p++)
		if (p->id == id)
			return p;
	if (n_packages == MAX_PACKAGES)
		return NULL;
	n_packages++;
	p->id = id;
	return p;
}

static struct die *add_die(struct package *p, int id)
{
	struct die *d;

	for (d = dies; d < dies + n_dies; d++)
		if (d->pkg == p && d->id == id)
			return d;
	if (n_dies == MAX_DIES)
		return NULL;
	n_dies++;
	p->n_dies++;
	d->id = id;
	d->pkg = p;
	return d;
}

static struct core *add_core(struct die *d, int id)
{
	struct core *c;

	for (c = cores; c < cores + n_cores; c++)
		if (c->die == d && c->id == id)
			return c;
	n_cores++;
	d->pkg->n_cores++;
	c->id = id;
	c->die = d;
	return c;
}

static int map_machine(void)
{
	struct package *p;
	struct die *d;
	int n;

	cpus = kvcalloc(nr_cpu_ids, sizeof(*cpus), GFP_KERNEL);
	cores = kvcalloc(nr_cpu_ids, sizeof(*cores), GFP_KERNEL);
	records = vzalloc(array_size(max_procs, sizeof(*records)));
	if (!cpus || !cores || !records)
		return -ENOMEM;
	for_each_online_cpu(n) {
		p = add_package(topology_physical_package_id(n));
		d = p ? add_die(p, topology_die_id(n)) : NULL;
		if (!d) {
			pr_err("more than %d packages or %d dies\n", MAX_PACKAGES, MAX_DIES);
			return -E2BIG;
		}
		cpus[n].core = add_core(d, topology_core_id(n));
	}
	return 0;
}

/* Units that the stock drivers assume per CPU model whatever the unit register says. */
static void choose_units(void)
{
	static const u8 fixed_dram[] = { 0x3F, 0x4F, 0x55, 0x56, 0x57, 0x6A, 0x6C, 0x85 };
	static const u8 coarse_psys[] = { 0x8F, 0xCF };
	static const u8 atoms[] = { 0x37, 0x4A, 0x5A, 0x5D };
	u8 model = boot_cpu_data.x86_model;
	bool intel6 = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL && boot_cpu_data.x86 == 6;

	amd = boot_cpu_data.x86_vendor == X86_VENDOR_AMD || boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
	atom = intel6 && memchr(atoms, model, sizeof(atoms));
	if (dram_esu < 0)
		dram_esu = intel6 && memchr(fixed_dram, model, sizeof(fixed_dram)) ? 16 : esu;
	if (psys_esu < 0)
		psys_esu = intel6 && memchr(coarse_psys, model, sizeof(coarse_psys)) ? 0 : esu;
}

static int configure(void)
{
	int i, r, err;
	char *text;

	if (esu > 31 || dram_esu > 31 || psys_esu > 31 || n_freq < 1 || n_pct < 1)
		return -EINVAL;
	choose_units();
	if (wrap_after_mj)
		start = -(u32)ticks((wide)wrap_after_mj * 1000000000000ULL, PKG);
	for (i = 0; i < n_packages; i++) {
		for (r = 0; r < N_REGS; r++)
			packages[i].offset[r] = start;
		packages[i].random = (seed + 1 + i) * 0x9E3779B97F4A7C15ULL | 1;
		xorshift(&packages[i].random);
	}
	for (i = 0; i < N_TRAITS + N_REGS; i++) {
		const char *from = i < N_TRAITS ? trait_list[i] : domain_mode[i - N_TRAITS];

		if (!from)
			continue;
		text = kstrdup(from, GFP_KERNEL);
		if (!text)
			return -ENOMEM;
		err = i < N_TRAITS ? parse_traits(i, text) : parse_modes(i - N_TRAITS, text);
		kfree(text);
		if (err) {
			pr_err("%s=%s is not understood\n",
			       i < N_TRAITS ? trait_name[i] : domain_name[i - N_TRAITS], from);
			return err;
		}
	}
	return 0;
}

static void start_clock(void)
{
	int i;

	loaded = reset_at = now_all = ktime_get_mono_fast_ns();
	for (i = 0; i < nr_cpu_ids; i++)
		cpus[i].since = now_all;
	for (i = 0; i < n_packages; i++)
		packages[i].next = now_all + (knobs[UPDATE_US] ? interval(&packages[i]) : 0);
	set_all_power();
}

/* Processes that exist already; those that come meanwhile are seen by the fork hook. */
static int adopt_processes(void)
{
	struct task_struct *t;
	struct record *r;
	unsigned long flags;
	bool taken;
	int err = 0;

	rcu_read_lock();
	for_each_process(t) {
		r = new_record();
		if (!r) {
			err = -ENOMEM;
			break;
		}
		flags = enter();
		taken = add_record(r, t, rcu_dereference(t->real_parent)->tgid, t->start_time);
		if (taken)
			r->threads = get_nr_threads(t);
		leave(flags);
		if (!taken)
			kfree(r);
	}
	rcu_read_unlock();
	return err;
}

static void find_tracepoint(struct tracepoint *tp, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tp->name, hooks[i].name))
			hooks[i].tp = tp;
}

static void set_cpuid_rapl(bool on)
{
	int n;

	for_each_online_cpu(n) {
		if (on)
			set_cpu_cap(&cpu_data(n), X86_FEATURE_RAPL);
		else
			clear_bit(X86_FEATURE_RAPL, (unsigned long *)cpu_data(n).x86_capability);
	}
	if (on)
		set_cpu_cap(&boot_cpu_data, X86_FEATURE_RAPL);
	else
		clear_bit(X86_FEATURE_RAPL, (unsigned long *)boot_cpu_data.x86_capability);
}

static int n_hooks, n_probes;
static bool has_pmu, has_proc, has_live, has_trace;

static void undo(void)
{
	u32 i;

	if (has_pmu)
		perf_pmu_unregister(&core_pmu);
	if (has_proc)
		remove_proc_entry("raplsim", NULL);
	if (has_live)
		remove_proc_entry("raplsim_live", NULL);
	if (has_trace)
		remove_proc_entry("raplsim_trace", NULL);
	while (n_probes)
		unregister_kprobe(&probes[--n_probes]);
	while (n_hooks) {
		n_hooks--;
		tracepoint_probe_unregister(hooks[n_hooks].tp, hooks[n_hooks].probe, NULL);
	}
	tracepoint_synchronize_unregister();
	if (cpuid_rapl)
		set_cpuid_rapl(false);
	for (i = 0; i < n_records; i++)
		kfree(records[i]);
	vfree(records);
	vfree(moments);
	kvfree(cores);
	kvfree(cpus);
}

static int __init raplsim_init(void)
{
	unsigned long flags;
	int err;

	err = map_machine();
	if (!err)
		err = configure();
	if (err)
		goto fail;
	/* Takes what no record claims, so that energies always add up. */
	stray = new_record();
	if (!stray) {
		err = -ENOMEM;
		goto fail;
	}
	strscpy(stray->comm, "(unknown)", TASK_COMM_LEN);
	stray->pid = -1;
	records[n_records++] = stray;
	list_add_tail(&stray->live, &alive);
	n_alive++;

	if (trace) {
		moments = vmalloc(trace * moment_size());
		if (!moments) {
			err = -ENOMEM;
			goto fail;
		}
	}
	start_clock();
	if (cpuid_rapl)
		set_cpuid_rapl(true);
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	for (; n_hooks < ARRAY_SIZE(hooks); n_hooks++) {
		struct hook *h = &hooks[n_hooks];

		err = h->tp ? tracepoint_probe_register(h->tp, h->probe, NULL) : -ENOENT;
		if (err) {
			pr_err("tracepoint %s: %d\n", h->name, err);
			goto fail;
		}
	}
	err = adopt_processes();
	if (err)
		goto fail;
	flags = enter();
	if (cpus[raw_smp_processor_id()].core)
		run(raw_smp_processor_id(), current, current->comm, advance());
	leave(flags);
	for (; n_probes < ARRAY_SIZE(probes); n_probes++) {
		err = register_kprobe(&probes[n_probes]);
		if (err) {
			pr_err("kprobe %s: %d\n", probes[n_probes].symbol_name, err);
			goto fail;
		}
	}
	if (pmu) {
		err = perf_pmu_register(&core_pmu, "cpu", PERF_TYPE_RAW);
		if (err) {
			pr_err("core PMU: %d\n", err);
			goto fail;
		}
		has_pmu = true;
	}
	has_proc = proc_create("raplsim", 0644, NULL, &proc_truth);
	has_trace = proc_create("raplsim_trace", 0600, NULL, &proc_trace);
	has_live = proc_create_single("raplsim_live", 0444, NULL, show_live);
	if (!has_proc || !has_live || !has_trace) {
		err = -ENOMEM;
		goto fail;
	}
	return 0;
fail:
	undo();
	return err;
}

static void __exit raplsim_exit(void)
{
	undo();
}

module_init(raplsim_init);
module_exit(raplsim_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Simulated RAPL registers and core PMU with a known truth");
