import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * A program that is published as a Python package, and the folder of the project's cache
 * that it is put into.
 */
export interface PythonProgram {
  /** As people call it. */
  readonly title: string;
  /** The virtual environment; it is this program's alone. */
  readonly dir: string;
  readonly package: string;
  /** What of it, as pip writes it: `[runtime]`. */
  readonly extras?: string;
  readonly version: string;
  /** Which Python it is for; `python3` unless given. */
  readonly python?: string;
  /**
   * Nothing that was published later is installed, a day: for a package that leaves
   * open what it works with.
   */
  readonly publishedBefore?: string;
  /** Called once it is installed; throws when it does not run here. */
  check(run: (command: string, ...parameters: readonly string[]) => void): void;
}

/** The installer that knows when a package was published. */
const uvVersion = "0.13.9";

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const run = (command: string, ...parameters: readonly string[]): void => {
  execFileSync(command, parameters, { stdio: ["ignore", "inherit", "inherit"] });
};

const install = ({ dir, package: name, extras = "", version, publishedBefore }: PythonProgram): void => {
  const requirement = `${name}${extras}==${version}`;
  const byPip = publishedBefore === undefined ? requirement : `uv==${uvVersion}`;
  run(`${dir}/bin/pip`, "install", "--quiet", "--disable-pip-version-check", byPip);
  if (publishedBefore === undefined) return;
  const into = ["pip", "install", "--quiet", "--python", `${dir}/bin/python`];
  run(`${dir}/bin/uv`, ...into, "--exclude-newer", publishedBefore, requirement);
};

/**
 * Puts a program into the project's cache by pip. Nothing is done when this version is there
 * already, whole and where it was made; else it is made anew. What goes wrong is said, and becomes
 * the process's exit code.
 */
export const installPythonProgram = (program: PythonProgram): void => {
  const { title, version, python = "python3" } = program;
  mkdirSync(program.dir, { recursive: true });
  const dir = realpathSync(program.dir);
  const stamp = `${dir}/${basename(dir)}-${version}`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === dir) {
    say(`${title} ${version} is in ${dir}`);
    return;
  }
  try {
    rmSync(dir, { recursive: true, force: true });
    // A virtual environment has its own path in it, so it is made in its place, and anew when
    // its folder has moved.
    run(python, "-m", "venv", dir);
    install({ ...program, dir });
    program.check(run);
    writeFileSync(stamp, dir);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    say(
      `${title} could not be installed. It needs ${python} with venv (Debian: python3-venv) and the package ${program.package}.`,
    );
    process.exitCode = 1;
  }
};
