import { type Command, Help } from "commander";
import { exitCodeMeanings } from "../host/exit-codes.ts";
import type { Host } from "../host/host.ts";
import { styleFor } from "../render/style.ts";
import { helpColumns, layout, listed } from "./layout.ts";

/** Commands that do something: those without sub-commands. */
const leavesOf = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf);

/** The first page lists what does something. */
const listingLeaves = (helper: Help): Help =>
  Object.assign(Object.create(helper), { visibleCommands: (program: Command) => leavesOf(program) });

/** `plan create`: a command's name, after its noun's. */
export const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

/** `<plan>`, `-f <file>`: what a command can't do without. */
const needsOf = (command: Command): readonly string[] => [
  ...command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  ),
  ...command.options
    .filter(({ mandatory }) => mandatory)
    .map(({ flags, short, long }) => flags.replace(`${short}, ${long}`, short ?? "")),
];

export const examples = [
  "smtx-backup local up --sites a,b",
  "smtx-backup volume import disk.img --site a --name web1",
  "smtx-backup object create -f cluster.yaml --site a",
  "smtx-backup site map a --to b prod=dr-prod",
  "smtx-backup plan create -f plan.yaml",
  "smtx-backup plan run nightly --wait",
  "smtx-backup status",
  "smtx-backup site limit a --to b --rate 50MB",
  "smtx-backup rebuild latest --plan nightly --site b --wait",
] as const;

const examplesHelp = `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}`;

/** Where help and errors go. */
export type Screens = Pick<Host, "env" | "stdout" | "stderr">;

/** The first page lists every command, not only their nouns, and the exit codes. */
export const configureHelp = (program: Command, host: Screens): void => {
  const style = styleFor({ isTerminal: host.stdout.isTerminal, env: host.env });
  const help: Partial<Help> = {
    ...layout,
    showGlobalOptions: true,
    // Without the word help, which commander adds to every noun.
    visibleCommands: (command) => [...command.commands],
    formatHelp: (command, helper) =>
      Help.prototype.formatHelp.call(helper, command, command.parent === null ? listingLeaves(helper) : helper),
    // Nobody asks what a flag is when it is not given.
    optionDescription: (option) =>
      option.defaultValue === false
        ? option.description
        : Help.prototype.optionDescription.call(Help.prototype, option),
    subcommandTerm: (command) => [pathOf(command), ...needsOf(command)].join(" "),
    styleTitle: style.heading,
  };
  program
    .configureHelp(help)
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      // Errors are told in one place, with their code.
      outputError: () => undefined,
      getOutHelpWidth: () => helpColumns(host.stdout.columns),
      getErrHelpWidth: () => helpColumns(host.stderr.columns),
      getOutHasColors: () => host.stdout.isTerminal,
      getErrHasColors: () => host.stderr.isTerminal,
    })
    .helpCommand(false)
    .addHelpText("after", ({ command, error }) => {
      const { columns } = error ? host.stderr : host.stdout;
      return `${examplesHelp}\n\nExit codes:\n${listed(exitCodeMeanings(), { command, columns })}`;
    });
};
