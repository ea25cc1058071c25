# make          everything: build, tests, format, fixtures
# make demo     the main job on the trained fixture, into out/
# make test     all tests; the last line counts them
# make help     the rest

DOTNET  ?= dotnet
NPM     ?= npm
CONFIG  := Release
CLI     := src/OnnxMka.Cli/bin/$(CONFIG)/net10.0/onnx-mka
TESTS   := $(sort $(dir $(wildcard tests/*.Tests/*.csproj)))
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: check build test demo golden format fixtures soak bench big forms clean help

check: build test format

# ONNX Runtime and its tokenizer come from npm; nothing of a package is run.
node_modules/.package-lock.json: package.json package-lock.json
	@echo "fetching ONNX Runtime from npm (about 200 MB, once)"
	@$(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

obj/restored: node_modules/.package-lock.json Directory.Packages.props Directory.Build.props $(wildcard src/*/*.csproj tests/*/*.csproj src/*/packages.lock.json tests/*/packages.lock.json)
	@echo "restoring NuGet packages (locked)"
	@$(DOTNET) restore OnnxMka.sln --locked-mode --verbosity quiet
	@mkdir -p obj && touch $@

build: obj/restored
	@echo "building"
	@$(DOTNET) build OnnxMka.sln -c $(CONFIG) --no-restore --verbosity quiet

demo: build
	@rm -rf out/books16
	@$(CLI) models-fixtures/books16 out/books16 --ratio 0.4 --report out/report.html --report out/report.json --report out/report.md --plan-out out/plan.json

test: build
	@rm -rf obj/tests
	@status=0; for project in $(TESTS); do \
	    echo "testing $$project"; \
	    $(DOTNET) test $$project -c $(CONFIG) --no-build --verbosity quiet --logger "trx;LogFileName=$$(basename $$project).trx" --results-directory obj/tests || status=1; \
	done; node tools/count-tests.mjs obj/tests || status=1; exit $$status

# Rewrites the golden files beside the tests; look at the diff before you commit it.
golden: build
	@for project in $(TESTS); do GOLDEN=write $(DOTNET) test $$project -c $(CONFIG) --no-build --verbosity quiet; done
	@git diff --stat -- '*.golden.txt'

format: obj/restored
	@$(DOTNET) format OnnxMka.sln --no-restore --verify-no-changes --exclude node_modules

fixtures:
	@tools/check-manifest

# A million mutated models and five thousand random decoders; about half an hour.
soak: build
	@FUZZ_CASES=1000000 $(DOTNET) test tests/OnnxMka.Graph.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~DamagedModels"
	@FORGE_CASES=5000 $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~RandomDecoder"

# The table of speeds and memory, filed under tests/OnnxMka.Benchmarks/results; about 50 GB of disk in WORK.
WORK ?= /tmp/onnx-mka-bench
bench: build
	@tests/OnnxMka.Benchmarks/bin/$(CONFIG)/net10.0/OnnxMka.Benchmarks $(WORK)

# Every exporter's form as the tests build it, one folder each.
forms: obj/restored
	@$(DOTNET) run -c $(CONFIG) --project tools/make-forms -- $(OUT)

# A model with the real shapes of a published one and random weights: make big SHAPE=llama-3.2-1b OUT=dir
big: obj/restored
	@$(DOTNET) run -c $(CONFIG) --project tools/make-big -- $(SHAPE) $(OUT)

clean:
	@rm -rf out obj src/*/bin src/*/obj tests/*/bin tests/*/obj

help:
	@grep -E '^# make' Makefile | cut -c3-; echo "make build | golden | format | fixtures | soak | bench | big | forms | clean"
