import type { Command } from "commander";

const notes = new WeakMap<Command, string>();

/** Says more of a command than its options do: below its help, and in the man page. */
export const addNotes = (command: Command, text: string): Command => {
  notes.set(command, text);
  return command.addHelpText("after", `\n${text}`);
};

export const notesOf = (command: Command): string => notes.get(command) ?? "";
