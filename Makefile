# make         builds bin/sluice
# make demo    starts real servers and a cluster, and migrates
# make test    runs all tests against real servers
# make check   gofmt, go vet and staticcheck
# make lab     fetches and builds the servers of the tests
# make perf    measures every scenario beside its yardstick: SCALE=small|normal|large RUNS=3; go run ./perf list
# make fuzz    looks for inputs that break parsers, each for FUZZTIME=30s; `make test` runs the saved ones
# make kill    kills nodes while they replicate: KILLS=100 SEED=1 SOURCE=mysql|mariadb

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

export KILLS SEED SOURCE

# What SHOW NODES and --version say; empty without git: then what the build knows.
VERSION := $(shell git describe --always --dirty 2>/dev/null)

.PHONY: build demo test check lab kill fuzz perf

build:
	go build -ldflags "$(if $(VERSION),-X sluice/gateway.version=$(VERSION))" -o bin/sluice .

demo:
	go run ./itest/demo

test: lab
	go test ./... -count=1 -timeout 50m

check:
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "gofmt -w is due for:"; echo "$$files"; exit 1; fi
	go vet ./...
	@if go run $(STATICCHECK) -version; then go run $(STATICCHECK) ./...; \
	else echo "staticcheck cannot be had here: not run"; fi

lab:
	go run ./itest/lab build

kill:
	go run ./itest/kill

FUZZTIME ?= 30s

fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
	  grep -h '^func Fuzz' "$$dir"/*_test.go | sed 's/^func \(Fuzz[A-Za-z]*\).*/\1/' | while read -r name; do \
	    echo "$$dir $$name"; go test "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) </dev/null || exit 1; \
	  done || exit 1; \
	done

SCALE ?= normal
RUNS ?= 3

perf:
	go run ./perf all --scale $(SCALE) --runs $(RUNS) --json bin/perf.json --svg bin/perf
