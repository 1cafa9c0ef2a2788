import { type Command, CommanderError } from "commander";
import type { ErrorBody } from "../core/api/answers.ts";
import { VisibleError } from "../core/api/errors.ts";
import { visibleFailure } from "../core/api/failure.ts";
import packageJson from "../package.json" with { type: "json" };
import type { Answering, CommandWork } from "./commands/command.ts";
import { createContext, type GlobalOptions } from "./context/context.ts";
import { pathOf } from "./help/help.ts";
import { exitCodeOf, exitCodes } from "./host/exit-codes.ts";
import { type Host, withCleanScreens } from "./host/host.ts";
import { printedJson } from "./json/print.ts";
import { notCompiled } from "./not-compiled.ts";
import { createProgram } from "./program.ts";
import { errorText } from "./render/errors.ts";
import { styleFor } from "./render/style.ts";

/**
 * The command `smtx-backup`: does what the command line says and prints what came of it.
 * @returns the exit code; the process ends with it when nothing is left to do
 */
export const main = async (args: readonly string[], world: Host): Promise<number> => {
  const host = withCleanScreens(world);
  let exitCode: number = exitCodes.done.code;
  let used: Command | undefined;
  const answering: Answering = <A extends unknown[]>(work: CommandWork<A>) =>
    async function (this: Command, ...given: [...A, Command]) {
      const context = createContext(host, this.optsWithGlobals<GlobalOptions>());
      const answer = await work(context, ...(given.slice(0, -1) as A));
      if (answer === undefined) return;
      const screen = answer.isForStderr ? host.stderr : host.stdout;
      screen.write(`${context.json ? printedJson(answer.json) : answer.text}\n`);
      exitCode = answer.exitCode ?? exitCode;
    };
  try {
    const program = createProgram(host, answering);
    tellUsage(program, (command) => {
      used = command;
    });
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return explain(error, host, { json: args.includes("--json"), used });
  }
};

/** Which command it was that was used wrongly; an error of commander's does not say it. */
const tellUsage = (command: Command, tell: (command: Command) => void): void => {
  command.exitOverride((error) => {
    tell(command);
    throw error;
  });
  for (const inner of command.commands) tellUsage(inner, tell);
};

const usageOf = (command: Command | undefined): string =>
  command?.parent ? `smtx-backup ${pathOf(command)}` : "smtx-backup";

/** Tells what went wrong, unless there was only help to be shown. @returns the exit code */
const explain = (error: unknown, host: Host, { json, used }: { json: boolean; used: Command | undefined }): number => {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done.code;
  // A command without its sub-command: its help has been shown instead.
  if (error instanceof CommanderError && error.code === "commander.help") return exitCodes.badInput.code;
  const style = styleFor({ isTerminal: host.stderr.isTerminal, env: host.env });
  const say = (body: ErrorBody) => host.stderr.write(`${errorText(body, { json, style })}\n`);
  if (host.signal.aborted && !VisibleError.is(error)) {
    say({ error: { code: "INTERRUPTED", message: "It was interrupted." } });
    return exitCodes.interrupted.code;
  }
  const visible = visibleOf(error, used);
  const { code, message, hint } = visible;
  say({ error: { code, message, ...(hint === undefined ? {} : { hint }) } });
  return exitCodeOf(code);
};

/** In a line, and of a wrong value the value first. */
const usageText = (message: string): string =>
  message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/^command-argument value '(.*?)' is invalid for argument '(.*?)'\. ?/, "“$1” can't be the $2: ")
    .replace(/^option '(.*?)' argument '(.*?)' is invalid\. ?/, "“$2” can't be the value of $1: ");

const visibleOf = (error: unknown, used: Command | undefined): VisibleError => {
  if (error instanceof CommanderError) {
    const message = usageText(error.message);
    return new VisibleError("BAD_REQUEST", message, { hint: `See: ${usageOf(used)} --help` });
  }
  const known = notCompiled(error) ?? visibleFailure(error, "this host");
  if (known !== undefined) return known;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new VisibleError("INTERNAL", `Something unexpected: ${error instanceof Error ? error.message : error}`, {
    hint: `This is a defect of smtx-backup ${packageJson.version}. Report it with this:\n${stack}`,
    cause: error,
  });
};
