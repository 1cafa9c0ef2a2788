import { until } from "../../../time/until.ts";
import type { StorageCall } from "../../call.ts";
import type { TowerLun } from "../cloud-tower/nouns/luns.ts";
import type { ProbeGround } from "./ground.ts";
import { no, type SeenAnswer, seenBy, unknown, yes } from "./seen.ts";

/** The cluster's figures of used space are not of this moment. */
const everyMs = 1_000;
const never = new AbortController().signal;

/**
 * Whether a clone shares its content. The cluster's own figure is believed only when it shows what
 * was written to another LUN after the clone was made.
 * @param of.written a LUN that the content was written to after `clone` was made
 */
export const clonesAreMetadata = (
  ground: ProbeGround,
  of: { readonly clone: TowerLun; readonly written: TowerLun; readonly tookMs: number },
  call: StorageCall,
): Promise<SeenAnswer> =>
  seenBy(async () => {
    const { contentBytes, figuresSeconds, time } = ground.parts;
    let shown = 0;
    const isShown = async () => {
      shown = (await ground.look(of.written, call)).uniqueBytes;
      call.onMoved?.();
      return shown >= contentBytes;
    };
    if (!(await until(isShown, { everyMs, withinMs: figuresSeconds * 1000, time, signal: call.signal ?? never }))) {
      call.signal?.throwIfAborted();
      return unknown(`The cluster shows ${shown} bytes of a LUN that ${contentBytes} were written to.`);
    }
    const { uniqueBytes } = await ground.look(of.clone, call);
    const seconds = (of.tookMs / 1000).toFixed(1);
    const told = `A clone of ${contentBytes} written bytes took ${seconds} s and has ${uniqueBytes} bytes of its own.`;
    if (uniqueBytes === 0) return yes(told);
    return uniqueBytes >= contentBytes ? no(told) : unknown(told);
  }, call);
