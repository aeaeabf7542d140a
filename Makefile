# What the project needs it installs itself: Debian packages as root, Go
# modules through the proxy.
GO      ?= go
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
VERSION ?= devel
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'

# Beside the lab's: the compiler of the gate and of the eBPF programs with their
# headers, what starts an arm64 binary, the browser that opens reports, and what
# decodes users' video.
PACKAGES := clang-19 lld-19 libbpf-dev qemu-user-static procps chromium ffmpeg

LABTESTS := ./internal/labtest ./rapl ./msr ./internal/doctor ./internal/testutil/lab

# What the applications of the benchmark are compared with.
PEERS := python3-sklearn python3-pandas python3-opencv ffmpeg

.PHONY: build test check unit labpass accuracy labtest cross lab soak bench peers generate deps clean help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## the binary for this machine: ./energyprobe
	$(BUILD) -o energyprobe ./cmd/energyprobe

deps: ## install what tests and lab need (Debian, root)
	@testdata/lab/deps $(PACKAGES)

test: deps check cross unit labpass ## everything that CI runs: checks, builds, tests, the lab

check: ## formatting, vet, generated files
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'make check: run gofmt -w on these'; exit 1; }
	$(GO) mod verify >/dev/null
	$(GO) mod tidy -diff
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) run ./internal/energy/gen -check
	$(GO) run ./internal/testutil/hostgen -check
	perfevent/gate/image/build.sh --check
	bpfprog/build.sh --check

# Packages whose tests time the machine itself run alone. Those of long arithmetic
# in one goroutine run whole without the race detector, which makes it fifteen
# times slower and has nothing to find in it, and with it what is short.
ALONE = ./bpfprog ./internal/session ./internal/doctor ./internal/procusage ./calibrate/load ./internal/host ./cmd/energyprobe
SUMS  = ./bench/app/ml ./bench/app/video

unit: ## all tests but the lab's, with the race detector
	CI_CHROMIUM=1 $(GO) test -race -timeout 10m $$($(GO) list ./... | grep -vE '/(bpfprog|internal/session|internal/doctor|internal/procusage|calibrate/load|internal/host|cmd/energyprobe|bench/app/ml|bench/app/video)$$')
	$(GO) test -race -short $(SUMS)
	CI_FFMPEG=1 $(GO) test -timeout 10m $(SUMS)
	$(GO) test -race -p 1 -timeout 10m $(ALONE)

labpass: ## the program against the lab's truth, on both kernels
	CI_LAB=1 $(GO) test -p 1 -count 1 -timeout 34m -run '^TestLab' ./internal/labtest

accuracy: ## the split of joules against the lab's truth, ten times each: prints a table
	LABTEST_SEEDS=10 CI_LAB=1 $(GO) test -count 1 -timeout 120m -run '^TestLabSplit' -v ./internal/labtest | grep -E 'ACCURACY|^(---|ok|FAIL)|split_test.go.*(spent|allowed)' | sed 's/.*ACCURACY //'

labtest: ## all tests that boot the lab's guests: sources, doctor, the lab itself
	CI_LAB=1 $(GO) test -p 1 -count 1 -timeout 60m -run '^TestLab|^TestRun$$' $(LABTESTS)

cross: ## static binaries for both architectures, the foreign one started
	@mkdir -p bin
	GOOS=linux GOARCH=amd64 $(BUILD) -o bin/energyprobe-amd64 ./cmd/energyprobe
	GOOS=linux GOARCH=arm64 $(BUILD) -o bin/energyprobe-arm64 ./cmd/energyprobe
	@! readelf -d bin/energyprobe-amd64 bin/energyprobe-arm64 | grep NEEDED
	@testdata/foreign.sh

lab: ## a command in the virtual RAPL lab: make lab ARGS='--machine epyc -- perf stat ...'
	@testdata/lab/lab $(ARGS)

soak: labtest accuracy ## slow: every guest of the lab, and every fuzz target for a while
	CI_LAB=1 $(GO) test -count 1 -timeout 150m -run '^TestSoak' -v ./internal/labtest | grep -E 'CALIBRATION|^(---|ok|FAIL)|calibrate_test.go'
	BPFPROG_MANY=50000 $(GO) test -count 1 -run TestManyProcesses -v ./bpfprog
	$(GO) run ./testdata/fuzz 30s

bench: build ## the benchmarks of reading, sampling and starting
	$(GO) test -run '^$$' -bench . -benchmem ./rapl ./perfevent/... ./msr ./internal/host ./internal/session ./internal/procusage ./internal/attribute ./internal/history ./internal/output ./bpfprog ./calibrate/load ./bench/app/...
	$(GO) build -o bin/bench ./testdata/bench && bin/bench ./energyprobe

peers: ## the benchmark's applications against scikit-learn, OpenCV and ffmpeg on the same data
	@dpkg -s $(PEERS) >/dev/null 2>&1 || { apt-get update && apt-get install -y --no-install-recommends $(PEERS); }
	@for peer in testdata/peers/*.py; do /usr/bin/python3 $$peer || exit 1; done

generate: ## rebuild what is generated and committed
	$(GO) run ./internal/energy/gen
	$(GO) run ./internal/testutil/hostgen
	perfevent/gate/image/build.sh
	bpfprog/build.sh

clean: ## remove what was built
	rm -rf bin energyprobe
