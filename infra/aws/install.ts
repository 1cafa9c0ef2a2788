import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/*
 * Puts SST's platform where SST wants it, `.sst/platform`: its components and types, the providers,
 * esbuild. All of it comes from the npm registry, for which SST must be kept from getting Pulumi
 * and Bun. Nothing is done when it is there already.
 */
const root = fileURLToPath(new URL("../..", import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}/node_modules/sst/package.json`, "utf8")) as { version: string };

const isInstalled = (): boolean =>
  existsSync(`${root}/.sst/platform/version`) &&
  readFileSync(`${root}/.sst/platform/version`, "utf8").trim() === version &&
  // Written last.
  existsSync(`${root}/.sst/provider-lock.json`);

if (!isInstalled()) {
  process.stderr.write(`installing SST's platform ${version}; it takes a minute or two\n`);
  execFileSync(`${root}/node_modules/.bin/sst`, ["install", "--stage", "test"], {
    cwd: root,
    env: { ...process.env, SST_SKIP_DEPENDENCY_CHECK: "1", NO_BUN: "1", SST_TELEMETRY_DISABLED: "1" },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: 600_000,
  });
}
