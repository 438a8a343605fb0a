# Everything a contributor does. Each target installs what it lacks on Debian 12 (see tests/need) and is quiet otherwise.

.DEFAULT_GOAL := help
.PHONY: help test demo bench check

help: ## Say what the targets do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

test: ## Run all tests, against SQLite and against PostgreSQL and MariaDB servers of their own
	@tests/need build servers mail download
	cargo test --no-run --quiet
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} tests/with-servers cargo test --no-fail-fast

demo: ## Make a sample learning platform in SQLite, purge it and show the report
	@tests/need build
	cargo run --quiet -- demo

bench: ## Measure runs against bare statements, on servers with durable settings (ARGS=--quick: fewer rows)
	@tests/need build servers
	cargo bench --no-run --quiet --bench ratios
	TENURE_SERVERS_DURABLE=1 tests/with-servers cargo bench --quiet --bench ratios -- $(ARGS)

check: ## Check formatting, lints and documentation
	@tests/need build
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
