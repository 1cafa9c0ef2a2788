import type { Argument, Command, Option } from "commander";
import { notesOf } from "./notes.ts";

/** What may stand in the place of an option's or an argument's value. */
export type Value =
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  | { readonly kind: "file" | "folder" | "text" };

export interface OptionDefinition {
  /** `-f`, `--file`. */
  readonly names: readonly string[];
  /** `-f, --file <file>`. */
  readonly flags: string;
  readonly description: string;
  /** Absent: it takes none. */
  readonly value?: Value;
  /** It takes every value that follows. */
  readonly isVariadic: boolean;
  readonly isMandatory: boolean;
}

export interface ArgumentDefinition {
  /** `plan`, `pairs...`. */
  readonly term: string;
  readonly isRequired: boolean;
  readonly description: string;
  readonly value: Value;
  readonly isVariadic: boolean;
}

/** A command as it can be looked at: the program itself has no words. */
export interface CommandDefinition {
  readonly words: readonly string[];
  readonly description: string;
  /** Empty of one that does something. */
  readonly commands: readonly CommandDefinition[];
  readonly arguments: readonly ArgumentDefinition[];
  readonly options: readonly OptionDefinition[];
  /** Those that every command has. */
  readonly globalOptions: readonly OptionDefinition[];
  /** What stands below them, laid out in lines. */
  readonly notes: string;
}

/** Everything of a program that `--help` shows, for what else is made of it. */
export const definitionOf = (command: Command, words: readonly string[] = []): CommandDefinition => {
  const help = command.createHelp();
  return {
    words,
    description: command.description(),
    commands: help.visibleCommands(command).map((inner) => definitionOf(inner, [...words, inner.name()])),
    arguments: help.visibleArguments(command).map((argument) => ({
      term: argument.variadic ? `${argument.name()}...` : argument.name(),
      isRequired: argument.required,
      description: help.argumentDescription(argument),
      value: valueFor(argument, argument.name()),
      isVariadic: argument.variadic,
    })),
    options: help.visibleOptions(command).map((option) => optionOf(option, help.optionDescription(option))),
    globalOptions: help.visibleGlobalOptions(command).map((option) => optionOf(option, help.optionDescription(option))),
    notes: notesOf(command),
  };
};

/** A command and all below it. */
export const withInner = (command: CommandDefinition): readonly CommandDefinition[] => [
  command,
  ...command.commands.flatMap(withInner),
];

const optionOf = (option: Option, description: string): OptionDefinition => ({
  names: [option.short, option.long].flatMap((name) => name ?? []),
  flags: option.flags,
  description,
  ...((option.required || option.optional) && { value: valueFor(option, placeholderOf(option.flags)) }),
  isVariadic: option.variadic,
  isMandatory: option.mandatory,
});

/** `file` of `-f, --file <file>`. */
const placeholderOf = (flags: string): string => /[<[]([\w-]+)/.exec(flags)?.[1] ?? "";

/** A value is known by what `--help` calls it. */
const kinds: Readonly<Record<string, "file" | "folder">> = { file: "file", program: "file", dir: "folder" };

const valueFor = ({ argChoices }: Pick<Option | Argument, "argChoices">, name: string): Value =>
  argChoices === undefined ? { kind: kinds[name] ?? "text" } : { kind: "choice", choices: argChoices };
