import type { Command } from "commander";

/** What every command that deletes by hand has. */
export const withDeletionOptions = (command: Command): Command =>
  command
    .option("--dry-run", "only show what would go, and how much space that gives back", false)
    .option("--yes", "don't ask", false)
    .option("--wait", "wait until it is gone; exit code 1 when it failed", false)
    .option("--despite-keep-until", "also what is kept until a time that has not come, as safety groups are", false);
