# ringcache. `make` lists the targets; `make check` is what CI runs. Needed: Go and make; the linters build from source.

FUZZTIME ?= 3000x
# Of one package's tests: those of whole clusters take six minutes on a quiet machine.
TIMEOUT  ?= 25m
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOLS    := bin/tools

.DEFAULT_GOAL := help
.PHONY: help build test race fuzz cover bench check lint fmt docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/cached and bin/cachectl
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/ ./cmd/...

test: ## run the tests
	go test -timeout $(TIMEOUT) ./...

race: ## run the tests under the race detector, in their short form
	go test -race -short -timeout $(TIMEOUT) ./...

fuzz: ## run every fuzz target for FUZZTIME: 3000x is a number of inputs, 30s a time
	@list=$$(go test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" | awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' | \
	while read -r pkg name; do \
		echo "$$pkg $$name"; \
		out=$$(go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) "$$pkg" 2>&1) || { echo "$$out"; exit 1; }; \
	done

cover: ## test coverage of the whole tree by every test, and its page bin/cover.html
	@mkdir -p bin
	go test -coverpkg ./... -coverprofile bin/cover.out ./...
	go tool cover -html bin/cover.out -o bin/cover.html
	@go tool cover -func bin/cover.out | tail -1

bench: ## run the Go benchmarks
	go test -run '^$$' -bench . -benchmem ./...

check: lint build test race fuzz ## all that CI runs

lint: $(TOOLS)/golangci-lint $(TOOLS)/gofumpt ## formatting, vet (on Linux and for macOS), linters
	@unformatted=$$($(TOOLS)/gofumpt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	GOOS=darwin go vet ./...
	$(TOOLS)/golangci-lint run ./...

fmt: $(TOOLS)/gofumpt ## format the source
	$(TOOLS)/gofumpt -w $$(git ls-files -co --exclude-standard '*.go')

docs: ## write docs/commands.md and whatever else is generated
	go generate ./...

clean: ## remove what was built
	rm -rf bin dist

# The tools are pinned in tools/go.mod and built from source: two minutes once, then from Go's cache.
$(TOOLS)/%: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	@pkg=$$(sed -n 's|^\t\(.*/$*\)$$|\1|p' tools/go.mod | head -1); echo "building $$pkg"; go build -C tools -o "$(CURDIR)/$@" "$$pkg"
