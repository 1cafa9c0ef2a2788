import { type CommandDefinition, type OptionDefinition, type Value, withInner } from "../help/definitions.ts";

/*
 * What the shells' scripts look up. Each script walks the words before the cursor in the same way:
 * a command's name leads further down, an option that takes a value takes the next word, everything
 * else is an argument.
 */

export interface Word {
  readonly word: string;
  readonly description: string;
}

export interface CommandTable {
  /** `plan create`; empty of the program itself. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly OptionDefinition[];
  readonly arguments: readonly Value[];
  /** The last of the arguments stands for all that follow. */
  readonly isVariadic: boolean;
}

/** The word after which commands are named and not given. */
export const helpWord = "help";

export const tablesOf = (program: CommandDefinition): readonly CommandTable[] =>
  withInner(program).map((command) => ({
    path: command.words.join(" "),
    commands: command.commands.map(({ words, description }) => ({ word: words.at(-1) ?? "", description })),
    options: [...command.options, ...command.globalOptions],
    arguments: command.arguments.map(({ value }) => value),
    isVariadic: command.arguments.at(-1)?.isVariadic ?? false,
  }));
