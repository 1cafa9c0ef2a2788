import { Argument, type Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { definitionOf } from "../help/definitions.ts";
import { addNotes } from "../help/notes.ts";
import type { Answering } from "./command.ts";

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
type Shell = keyof typeof shells;

const installNotes = `To have it in every shell that starts:
  bash  smtx-backup completion bash > ~/.local/share/bash-completion/completions/smtx-backup
        or in ~/.bashrc: source <(smtx-backup completion bash)
  zsh   smtx-backup completion zsh > a folder of $fpath, as _smtx-backup
        or in ~/.zshrc, after compinit: source <(smtx-backup completion zsh)
  fish  smtx-backup completion fish > ~/.config/fish/completions/smtx-backup.fish`;

export const addCompletionCommand = (program: Command, answering: Answering): void => {
  const completion = program
    .command("completion")
    .description("print a script with which a shell completes commands, options and their choices")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(shells)))
    .action(
      answering(async ({ host }, shell: Shell) => {
        host.stdout.write(`${shells[shell](definitionOf(program))}\n`);
        return undefined;
      }),
    );
  addNotes(completion, installNotes);
};
