import type { Command } from "commander";
import type { Answer, Context } from "../context/context.ts";

/** What a command does; one that has printed all there is to say by itself gives no answer. */
export type CommandWork<A extends unknown[]> = (context: Context, ...args: A) => Promise<Answer | undefined>;

/**
 * Makes a command's action, which prints the answer. Its arguments are the command's, and
 * last come its options.
 */
export type Answering = <A extends unknown[]>(
  work: CommandWork<A>,
) => (this: Command, ...args: [...A, Command]) => Promise<void>;
