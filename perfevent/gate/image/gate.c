// SPDX-License-Identifier: MIT
/*
 * gate: the doorstep on which a command waits while its counters are armed.
 *
 *   gate GO STATUS PATH ARGV0 [ARG...]
 *
 * It makes one child, a sibling of its own (CLONE_PARENT), and ends; where that
 * can't be had (some sandboxes and emulators), it goes on as the child. That
 * writes its process id to the descriptor STATUS, waits for a byte on the
 * descriptor GO, and becomes the command. When execve fails it writes the
 * errno to STATUS. Both descriptors close on exec, so the reader of STATUS
 * sees end-of-file once the command runs.
 *
 * Why a program of its own, and no libc: the kernel keeps the largest resident
 * set of a process across execve (fs/exec.c, exec_mmap) and counts the image
 * that called fork. A process forked from the profiler would report the
 * profiler's memory as its own; this one has a few pages.
 */
typedef long word;

#define CLONE_PARENT 0x8000
#define SIGCHLD 17
#define F_SETFD 2
#define FD_CLOEXEC 1
#define EINTR 4

#if defined(__x86_64__)
enum { sys_read = 0, sys_write = 1, sys_getpid = 39, sys_clone = 56, sys_execve = 59, sys_fcntl = 72, sys_exit_group = 231 };

static word call(word nr, word a, word b, word c, word d, word e)
{
	word ret;
	register word r10 __asm__("r10") = d;
	register word r8 __asm__("r8") = e;
	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
}

__asm__(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#elif defined(__aarch64__)
enum { sys_read = 63, sys_write = 64, sys_getpid = 172, sys_clone = 220, sys_execve = 221, sys_fcntl = 25, sys_exit_group = 94 };

static word call(word nr, word a, word b, word c, word d, word e)
{
	register word x8 __asm__("x8") = nr;
	register word x0 __asm__("x0") = a;
	register word x1 __asm__("x1") = b;
	register word x2 __asm__("x2") = c;
	register word x3 __asm__("x3") = d;
	register word x4 __asm__("x4") = e;
	__asm__ volatile("svc #0" : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

__asm__(".globl _start\n_start:\n\tmov x0, sp\n\tbl begin\n");
#else
#error "the gate knows amd64 and arm64"
#endif

static word number(const char *s)
{
	word n = 0;
	while (*s >= '0' && *s <= '9')
		n = n * 10 + (*s++ - '0');
	return n;
}

static void tell(word fd, int v)
{
	call(sys_write, fd, (word)&v, sizeof(v), 0, 0);
}

__attribute__((noreturn)) static void leave(word status)
{
	for (;;)
		call(sys_exit_group, status, 0, 0, 0, 0);
}

__attribute__((noreturn, used)) void begin(word *stack)
{
	word argc = stack[0], ret;
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1, byte;

	if (argc < 5)
		leave(125);
	word go = number(argv[1]), status = number(argv[2]);

	ret = call(sys_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (ret > 0)
		leave(0);

	call(sys_fcntl, go, F_SETFD, FD_CLOEXEC, 0, 0);
	call(sys_fcntl, status, F_SETFD, FD_CLOEXEC, 0, 0);
	tell(status, (int)call(sys_getpid, 0, 0, 0, 0, 0));
	do
		ret = call(sys_read, go, (word)&byte, 1, 0, 0);
	while (ret == -EINTR);
	if (ret != 1) /* the profiler ended before it opened the gate */
		leave(125);
	ret = call(sys_execve, (word)argv[3], (word)(argv + 4), (word)envp, 0, 0);
	tell(status, (int)-ret);
	leave(127);
}
