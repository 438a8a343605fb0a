# Everything a contributor does. Each target installs what it lacks on Debian 12 (see tests/need) and is quiet otherwise.

.DEFAULT_GOAL := help
.PHONY: help test demo bench check install deb

# Where `make install` puts things, below DESTDIR; and what it puts there, built where it is missing.
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
BINARY ?= target/release/tenure

help: ## Say what the targets do
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

test: ## Run all tests, against SQLite and against PostgreSQL and MariaDB servers of their own
	@tests/need build servers mail download units
	cargo test --no-run --quiet
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} tests/with-servers cargo test --no-fail-fast

demo: ## Make a sample learning platform in SQLite, purge it and show the report
	@tests/need build
	cargo run --quiet -- demo

bench: ## Measure runs against bare statements, on servers with durable settings (ARGS=--quick: fewer rows)
	@tests/need build servers
	cargo bench --no-run --quiet --bench ratios
	TENURE_SERVERS_DURABLE=1 tests/with-servers cargo bench --quiet --bench ratios -- $(ARGS)

target/release/tenure:
	@tests/need build
	cargo build --release

install: $(BINARY) ## Install program, man pages, completions and systemd units (PREFIX=, DESTDIR=, BINARY=)
	@packaging/install "$(BINARY)" "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)"

deb: target/release/tenure ## Make a Debian package in target/debian
	@tests/need build deb
	@type cargo-deb >/dev/null 2>&1 || cargo install --locked --no-default-features cargo-deb
	packaging/deb $(BINARY) --no-build

check: ## Check formatting, lints and documentation
	@tests/need build
	cargo fmt --check
	cargo clippy --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet
