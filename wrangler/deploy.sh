#!/bin/sh
# `npm run deploy`: builds and deploys on a machine that has Node.js alone, such as
# Cloudflare's Workers Builds behind the "Deploy to Cloudflare" button.
set -eu
if ! command -v cargo > /dev/null; then
  curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal
  export PATH="$HOME/.cargo/bin:$PATH"
fi
# Workers Builds skips the [build] of wrangler.toml.
cargo xtask build
wrangler deploy
