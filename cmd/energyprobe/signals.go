package main

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// catchSignals takes the signals that would end this process before its
// report. SIGPIPE is among them so that a closed standard output is an error
// and not the end; the command gets the default back. A signal that is ignored
// stays so, for the command as well: that is what nohup(1) asks for.
func catchSignals() chan os.Signal {
	ch := make(chan os.Signal, 16)
	for _, sig := range []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE} {
		if !signal.Ignored(sig) {
			signal.Notify(ch, sig)
		}
	}
	return ch
}

// interruptible ends the context with the signals that ask for an end.
func interruptible(ctx context.Context) (context.Context, func()) {
	signals := catchSignals()
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
