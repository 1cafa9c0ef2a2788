import { type Command, CommanderError } from "commander";
import { VisibleError } from "../../core/api/errors.ts";
import { pathOf } from "../help/help.ts";
import type { Answering } from "./command.ts";

export const addHelpCommand = (program: Command, answering: Answering): void => {
  program
    .command("help")
    .description(
      "show how a command is used, as its --help does; with --json the JSON Schema of what it prints with --json",
    )
    .argument("[command...]", "its words, such as plan create; without them, every command")
    .action(
      answering(async ({ json }, words: readonly string[]) => {
        const command = commandNamed(program, words);
        const schema = json ? (await import("../json/schema.ts")).jsonSchemaOf(words.join(" ")) : undefined;
        if (schema !== undefined) return { json: schema, text: "" };
        command.outputHelp();
        return undefined;
      }),
    );
};

/**
 * @throws CommanderError or VisibleError that say what is there instead of a word that is unknown
 */
const commandNamed = (program: Command, words: readonly string[]): Command => {
  let found = program;
  for (const word of words) {
    const next = found.commands.find((command) => command.name() === word);
    if (next === undefined) throw unknownWord(found, word);
    found = next;
  }
  return found;
};

const unknownWord = (command: Command, word: string): unknown => {
  if (command.commands.length === 0) {
    return new VisibleError("BAD_REQUEST", `“${pathOf(command)}” is a whole command: “${word}” is too much.`, {
      hint: `See: smtx-backup ${pathOf(command)} --help`,
    });
  }
  try {
    // Parsed as a command, it is refused, and commander names the one that is most like it.
    command.parse([word], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return error;
    throw error;
  }
  throw new Error(`“${word}” is a command after all`);
};
