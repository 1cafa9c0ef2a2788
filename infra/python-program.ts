import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/** A program that is published as a Python package, and the folder of the project's cache that it is put into. */
export interface PythonProgram {
  /** As people call it. */
  readonly title: string;
  /** The virtual environment; it is this program's alone. */
  readonly dir: string;
  readonly package: string;
  readonly version: string;
  /** Called once it is installed; throws when it does not run here. */
  check(run: (command: string, ...parameters: readonly string[]) => void): void;
}

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const run = (command: string, ...parameters: readonly string[]): void => {
  execFileSync(command, parameters, { stdio: ["ignore", "inherit", "inherit"] });
};

/**
 * Puts a program into the project's cache by pip. Nothing is done when this version is there already; a half-made one is made anew.
 * What goes wrong is said, and becomes the process's exit code.
 */
export const installPythonProgram = (program: PythonProgram): void => {
  const { title, dir, version } = program;
  const stamp = `${dir}/${basename(dir)}-${version}`;
  if (existsSync(stamp)) {
    say(`${title} ${version} is in ${dir}`);
    return;
  }
  try {
    rmSync(dir, { recursive: true, force: true });
    // A virtual environment has its own path in it, so it is made in its place; the stamp says that it is whole.
    run("python3", "-m", "venv", dir);
    run(`${dir}/bin/pip`, "install", "--quiet", "--disable-pip-version-check", `${program.package}==${version}`);
    program.check(run);
    writeFileSync(stamp, "");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say(
      `${title} could not be installed. It needs python3 with venv (Debian: python3-venv) and the package ${program.package}.`,
    );
    process.exitCode = 1;
  }
};
