# mailsync. "make help" lists what can be made.

GO       ?= go
FUZZTIME ?= 20s
# The whole suite runs against real servers and with the race detector: minutes.
# More than one test at once to a core: much of them waits for servers and disks.
TESTFLAGS ?= -race -timeout 16m -p 3 -parallel 4

export GO

.PHONY: help build check test lint cross servers fuzz bench demo clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

build: ## build ./mailsync
	$(GO) build ./cmd/mailsync

# Most of what is quick waits, for timeouts that it has set itself: so many tests at once.
check: lint ## for every day: lint, and the tests that are quick (go test -short), half a minute
	.ci/gotest -short -p 4 -parallel 16 ./...

test: servers lint cross ## everything that has to hold: lint, cross, and all tests, also against real servers
	.ci/gotest $(TESTFLAGS) ./...
	.ci/gotest -timeout 12m ./sync # cut and failed everywhere, which takes too long under the race detector
	@sh internal/testkit/servers/install.sh # once more, so that what was not tested stands at the end

lint: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (gofmt -w):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

cross: ## build for the other systems
	@for os in darwin windows freebsd; do \
		echo "GOOS=$$os CGO_ENABLED=0 $(GO) build ./cmd/mailsync"; \
		GOOS=$$os CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/mailsync || exit 1; \
	done
	GOARCH=arm CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/mailsync # and 32 bits

servers: ## bring the real servers that tests start (root and apt), and say which are missing
	@sh internal/testkit/servers/install.sh

fuzz: ## fuzz every parser for FUZZTIME (20s; "make fuzz FUZZTIME=10m FUZZ=FuzzName")
	.ci/fuzz $(FUZZTIME) '$(FUZZ)'

# A row that is in the file of results is not measured again.
bench: ## measure mailsync beside other programs: 20 minutes (ROWS="incremental wan" for these; ROWS=-list for their names)
	$(GO) run ./bench $(BENCHFLAGS) $(ROWS)

demo: ## show it: embedded servers, sample mail, two syncs
	$(GO) run ./cmd/mailsync demo

clean: ## remove what was built here
	rm -f mailsync
