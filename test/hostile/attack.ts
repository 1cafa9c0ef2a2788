import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";

/** What the attacker was told at its start: everything that somebody could know. */
export interface Knowledge {
  readonly configFile: string;
  /** `host:port` of honest gateways, by site. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** The plan between two other sites, and what it has done so far. */
  readonly honest: {
    readonly source: string;
    readonly target: string;
    readonly planId: string;
    readonly runId: string;
    readonly groupId: string;
    readonly sequence: number;
    readonly object: ObjectConfig;
    readonly mirrorVolumeId: string;
  };
  /** Runs of the plan of its own that have ended. */
  readonly ended: { readonly planId: string; readonly runId: string; readonly target: string };
}

/** What became of one attack; the attacker writes them to standard output, a line each. */
export interface AttackOutcome {
  readonly attack: string;
  /** The code of the refusal, or how the attack ended. */
  readonly outcome: string;
  /** It was taken for good: the test fails. */
  readonly letThrough: boolean;
}

/** One thing that a gateway that was taken over does. It gives how it ended. */
export interface Attack {
  readonly name: string;
  readonly carryOut: () => Promise<string>;
}

/** Thrown by an attack that got what it wanted. */
export class LetThrough extends Error {}

/** @returns the code with which it was refused @throws LetThrough when it wasn't */
export const refused = async (what: string, attempt: () => Promise<unknown>): Promise<string> => {
  let answer: unknown;
  try {
    answer = await attempt();
  } catch (error) {
    return error instanceof VisibleError ? error.code : `broken: ${(error as Error).message}`.slice(0, 200);
  }
  throw new LetThrough(`${what} was answered with ${JSON.stringify(answer).slice(0, 200)}`);
};

export const carryOut = async ({ name, carryOut }: Attack): Promise<AttackOutcome> => {
  try {
    return { attack: name, outcome: await carryOut(), letThrough: false };
  } catch (error) {
    if (error instanceof LetThrough) return { attack: name, outcome: error.message, letThrough: true };
    return { attack: name, outcome: `broken: ${(error as Error).message}`.slice(0, 200), letThrough: false };
  }
};
