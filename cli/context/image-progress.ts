import type { ImageProgress } from "../../gateway/storage/image/import.ts";
import { LiveLines } from "../host/live.ts";
import { meter, paceOf, type Sample, withSample } from "../render/progress.ts";
import type { Context } from "./context.ts";

const drawEveryMs = 100;

/**
 * A bar for an image that is on its way, on a terminal; elsewhere it is quiet. `end` takes it away.
 */
export const imageMeter = ({ host, json, style }: Context, phase: string) => {
  if (json || !host.stdout.isTerminal) return { onProgress: () => undefined, end: () => undefined };
  const lines = new LiveLines(host.stdout);
  let samples: readonly Sample[] = [];
  return {
    onProgress: ({ doneBytes, totalBytes }: ImageProgress) => {
      const atMs = host.time.nowMs();
      const last = samples.at(-1);
      if (last !== undefined && atMs - last.atMs < drawEveryMs) return;
      const fraction = totalBytes === 0 ? 1 : doneBytes / totalBytes;
      samples = withSample(samples, { atMs, bytes: doneBytes, fraction });
      lines.draw([`${phase}  ${meter(fraction, paceOf(samples), style)}`]);
    },
    end: () => lines.clear(),
  };
};
