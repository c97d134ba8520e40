# The index of entry points. What each does stands in dist-scripts/.
.DEFAULT_GOAL := help
.PHONY: help demo test chaos model load e2e-loki infra scenarios ci-local generate lint fmt bench dist audit mutants bootstrap clean
# More arguments for the script behind a target: make demo ARGS=--fail
ARGS ?=

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## watch a deployment move from a killed primary to the secondary (ARGS: --fail, --partition)
	@dist-scripts/demo $(ARGS)

test: ## every test (ARGS: more for cargo test)
	@dist-scripts/test $(ARGS)

ci-local: ## this repository's own workflow on this machine, through act
	@dist-scripts/ci-local $(ARGS)

generate: ## every action.yml, the tables of the actions' READMEs and the page of checks, from the code
	@dist-scripts/generate $(ARGS)

lint: ## format, clippy, docs, scripts, workflows, licences
	@dist-scripts/lint $(ARGS)

fmt: ## format the Rust sources
	@cargo fmt --all

chaos: ## seeded faults on real processes and stores, 300 rounds (BATON_CHAOS_RUNS, _SEED, _STORE)
	@BATON_CHAOS_RUNS=$${BATON_CHAOS_RUNS:-300} dist-scripts/test -p baton-tests --test chaos -- --nocapture $(ARGS)

model: ## every state of the lease's small worlds, with every fault that the model knows
	@BATON_MODEL_WIDE=1 dist-scripts/test -p lease --test model -- --test-threads 2 $(ARGS)

load: ## 200 deployments of 20 environments thrown at each store at once (ARGS: names of stores)
	@dist-scripts/load $(ARGS)

e2e-loki: ## the audit trail in a real Loki; builds it first, which takes minutes
	@dist-scripts/e2e-loki $(ARGS)

infra: ## the playbooks on booted hosts: needs root (ARGS: --keep, names of suites)
	@dist-scripts/infra $(ARGS)

scenarios: ## deployments as people know them, with the shipped programs (ARGS: names, --dry-run)
	@dist-scripts/scenarios $(ARGS)

bench: ## the times and sizes that the design promises (ARGS: names of benches)
	@dist-scripts/bench $(ARGS)

dist: ## static binaries for both architectures, staged and packed (x64 alone: ARGS='--arch x64')
	@dist-scripts/dist $(ARGS)

audit: ## known vulnerabilities among the dependencies (needs the network)
	@dist-scripts/audit $(ARGS)

mutants: ## take each protection away, see its test notice (ARGS: --gate, words, or --any for cargo mutants)
	@dist-scripts/mutants $(ARGS)

bootstrap: ## bring the tools that lint and test need
	@dist-scripts/bootstrap $(ARGS)

clean: ## remove what was built and staged; the tools in .tools stay
	@rm -rf target dist companions actions/*/bin actions/*/SHA256SUMS
