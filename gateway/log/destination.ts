import { type DestinationStream, destination as open } from "pino";

/** What a full disk does not take is kept up to this, and written when there is room again. */
const keptBytesMax = 1024 * 1024;

/**
 * Where a log's lines go: a file, or a descriptor that is open. A disk that is full costs lines,
 * and never whoever writes them.
 */
export const logDestination = (dest: string | number): DestinationStream & { end(): void } => {
  const stream = open({ dest, sync: true, maxLength: keptBytesMax, mode: 0o600 });
  stream.on("error", () => undefined);
  return stream;
};
