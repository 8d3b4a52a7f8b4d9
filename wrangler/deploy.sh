#!/bin/sh
# `npm run deploy`: builds and deploys on a machine that has Node.js alone, such as
# Cloudflare's Workers Builds behind the "Deploy to Cloudflare" button.
set -eu
if ! command -v cargo > /dev/null; then
  curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal
  export PATH="$HOME/.cargo/bin:$PATH"
fi
# Until the repository has settings of its own, a first try takes the demo's: all works
# but the API behind.
if [ ! -e katalo.toml ]; then
  export KATALO_SETTINGS="${KATALO_SETTINGS:-katalo.example.toml}"
fi
# Workers Builds skips the [build] of wrangler.toml.
cargo xtask build
wrangler deploy
