# make          everything: build, tests, format, fixtures
# make demo     the main job on the trained fixture, into out/
# make test     all tests; the last line counts them
# make test-clients  the emitted folders in every runtime: GenAI, Node, transformers.js, Chromium, ONNX's checker
# make cuda     the tool with ONNX Runtime's CUDA provider, into out/cuda; make test-cuda tests that
# make pack     NuGet packages of the tool and of the library, into out/packages; make dist: archives that need no .NET
# make test-vectors  the numerical tests on narrower vectors
# make same     that a change of the code changes nothing a user sees: make same SINCE=COMMIT [ONLY=PATTERN]
# make help     the rest

DOTNET  ?= dotnet
NPM     ?= npm
CONFIG  := Release
CLI     := src/OnnxMka.Cli/bin/$(CONFIG)/net10.0/onnx-mka
TESTS   := $(sort $(dir $(wildcard tests/*.Tests/*.csproj)))
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: check build same test test-vectors test-clients cuda test-cuda demo golden format fixtures
.PHONY: soak bench pack pack-cuda dist big forms bench-quality clean help

check: build test test-vectors format

# The JavaScript runtimes that the tests load emitted models with. Nothing else needs Node; where it is missing these tests are skipped.
CLIENTS := tests/clients/node_modules/.package-lock.json
$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json
	@echo "fetching transformers.js and ONNX Runtime for JavaScript from npm (about 250 MB, once)"
	@cd tests/clients && $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
CLIENTS_IF_NODE := $(if $(shell command -v $(NPM)),$(CLIENTS))

PROJECTS := $(wildcard $(foreach folder,src tests tools samples,$(folder)/*/*.csproj $(folder)/*/packages.lock.json))
obj/restored: Directory.Packages.props Directory.Build.props $(PROJECTS)
	@echo "restoring NuGet packages (locked)"
	@$(DOTNET) restore OnnxMka.sln --locked-mode --verbosity quiet
	@mkdir -p obj && touch $@

build: obj/restored
	@echo "building"
	@$(DOTNET) build OnnxMka.sln -c $(CONFIG) --no-restore --verbosity quiet

demo: build
	@rm -rf out/books16
	@$(CLI) models-fixtures/books16 out/books16 --ratio 0.4 \
	    --report out/report.html --report out/report.json --report out/report.md --plan-out out/plan.json

# Without the tests that need Debian's packages: those are test-clients'.
test: build $(CLIENTS_IF_NODE)
	@rm -rf obj/tests
	@status=0; for project in $(TESTS); do \
	    echo "testing $$project"; \
	    $(DOTNET) test $$project -c $(CONFIG) --no-build --verbosity quiet --filter "Needs!=Debian" \
	        --logger "trx;LogFileName=$$(basename $$project).trx" --results-directory obj/tests || status=1; \
	done; tools/count-tests obj/tests || status=1; exit $$status

# The numerical suites on narrower vectors, down to none: what a processor without AVX-512 or AVX2 runs.
test-vectors: build
	@status=0; for path in "256 EnableAVX512" "128 EnableAVX2" "0 EnableHWIntrinsic"; do \
	    set -- $$path; echo "vectors of at most $$1 bits"; \
	    env VECTORS=$$1 DOTNET_$$2=0 $(DOTNET) test tests/OnnxMka.Alignment.Tests -c $(CONFIG) --no-build --verbosity quiet \
	        || status=1; \
	    env VECTORS=$$1 DOTNET_$$2=0 $(DOTNET) test tests/OnnxMka.Numerics.Tests -c $(CONFIG) --no-build --verbosity quiet \
	        || status=1; \
	    env DOTNET_$$2=0 $(DOTNET) test tests/OnnxMka.Graph.Tests -c $(CONFIG) --no-build --verbosity quiet \
	        --filter "FullyQualifiedName~FloatCodec" || status=1; \
	done; exit $$status

# What is missing is installed where that is possible (root on Debian); else its tests are skipped, and the list says why.
test-clients: build $(CLIENTS)
	@missing=; command -v chromium >/dev/null || missing="chromium"; \
	/usr/bin/python3 -c "import onnx" 2>/dev/null || missing="$$missing python3-onnx"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $$missing"; \
	    apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing >/dev/null || echo "could not install $$missing"; \
	fi
	@rm -rf obj/clients
	@status=0; $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build --verbosity quiet \
	    --filter "FullyQualifiedName~OnnxMka.Tests.Clients" \
	    --logger "trx;LogFileName=clients.trx" --results-directory obj/clients || status=1; \
	tools/count-tests obj/clients || status=1; exit $$status

cuda:
	@$(DOTNET) publish src/OnnxMka.Cli -c $(CONFIG) -p:Cuda=true -o out/cuda --verbosity quiet
	@echo "out/cuda/onnx-mka"

# What needs a GPU is skipped, with the reason, where there is none.
test-cuda:
	@rm -rf obj/tests-cuda
	@status=0; for project in tests/OnnxMka.Alignment.Ilgpu.Tests tests/OnnxMka.Tests; do \
	    $(DOTNET) test $$project -c $(CONFIG) -p:Cuda=true --verbosity quiet --filter "FullyQualifiedName~Cuda" \
	        --logger "trx;LogFileName=$$(basename $$project).trx" --results-directory obj/tests-cuda || status=1; \
	done; tools/count-tests obj/tests-cuda || status=1; exit $$status

# Rewrites the golden files beside the tests; look at the diff before you commit it.
golden: build
	@for project in $(TESTS); do GOLDEN=write $(DOTNET) test $$project -c $(CONFIG) --no-build --verbosity quiet; done
	@git diff --stat -- '*.golden.txt'

format: obj/restored
	@$(DOTNET) format OnnxMka.sln --no-restore --verify-no-changes

fixtures:
	@tools/check-manifest

RUN_CASES ?= 20000
# A million mutated models, five thousand random decoders, three hundred of them cut too, and twenty thousand damaged ones;
# 300 kills and 300 errors at system calls; half an hour.
soak: build
	@FUZZ_CASES=1000000 $(DOTNET) test tests/OnnxMka.Graph.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~DamagedModels"
	@FORGE_CASES=5000 $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~RandomDecoder"
	@CUT_FORMS=all CUT_CASES=300 $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~Tests.Cutting"
	@DAMAGE_CASES=20000 $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build --filter "FullyQualifiedName~DamagedDecoder"
	@tests/OnnxMka.Fuzzer/bin/$(CONFIG)/net10.0/OnnxMka.Fuzzer $(RUN_CASES)
	@INJECT_CASES=300 $(DOTNET) test tests/OnnxMka.Tests -c $(CONFIG) --no-build \
	    --filter "FullyQualifiedName~FaultInjection" --logger "console;verbosity=detailed"

# The table of speeds and memory, filed under tests/OnnxMka.Benchmarks/results; about 50 GB of disk in WORK.
# BENCH="start scoring" runs these parts only, BENCH=--short all of them on small sizes in minutes; neither is filed.
WORK ?= /tmp/onnx-mka-bench
bench: build
	@tests/OnnxMka.Benchmarks/bin/$(CONFIG)/net10.0/OnnxMka.Benchmarks $(WORK) $(BENCH)

pack:
	@tools/pack $(DOTNET)

# The tool with CUDA, for the platform that this runs on (300 MB).
pack-cuda:
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	    $(DOTNET) pack src/OnnxMka.Cli -c $(CONFIG) -p:Packing=true -p:Cuda=true -o out/packages --verbosity quiet
	@ls out/packages | grep Cuda

PLATFORMS ?= linux-x64 linux-arm64 win-x64 osx-arm64
dist:
	@tools/dist $(DOTNET) $(PLATFORMS)

# Every exporter's form as the tests build it, one folder each.
forms: obj/restored
	@$(DOTNET) run -c $(CONFIG) --project tools/make-forms -- $(OUT)

# A model with the real shapes of a published one and random weights: make big SHAPE=llama-3.2-1b OUT=dir
big: obj/restored
	@$(DOTNET) run -c $(CONFIG) --project tools/make-big -- $(SHAPE) $(OUT)

# make bench-quality   perplexity of every selection x removal x correction, and --method best; about an hour.
# make bench-quality BENCH_QUALITY="--ratios 0.25"   for less
bench-quality: build
	@BENCH_QUALITY='$(BENCH_QUALITY)' node tools/bench-quality.mjs $(CLI) $(BENCH_QUALITY)

same:
	@tools/same-as-before/run $(SINCE) $(if $(ONLY),'$(ONLY)')

clean:
	@rm -rf out obj src/*/bin src/*/obj tests/*/bin tests/*/obj

help:
	@grep -E '^# make' Makefile | cut -c3-; echo "make build | golden | format | fixtures | soak | bench | big | forms | clean"
