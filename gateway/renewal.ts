import { isDeepStrictEqual } from "node:util";
import type { Log } from "./log.ts";
import type { Time } from "./time.ts";
import type { TlsCredentials } from "./tunnel/certificates.ts";

/** How soon a renewed certificate is taken up. */
export const lookMs = 30_000;

/**
 * Takes up certificates that are renewed in their files, until the signal is aborted. While they are being replaced, or when they
 * are wrong, the old ones stay, and the log says why.
 * @param options.load reads the files and judges them
 */
export const followCredentials = async (options: {
  readonly current: TlsCredentials;
  readonly load: () => Promise<TlsCredentials>;
  readonly renew: (credentials: TlsCredentials) => Promise<void>;
  readonly time: Time;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { load, renew, time, log, signal } = options;
  let { current } = options;
  let seen = current;
  for (;;) {
    await time.sleep(lookMs, signal);
    if (signal.aborted) return;
    try {
      const found = await load();
      // Certificate and key are two files: they are taken when they have been the same twice.
      const isSettled = isDeepStrictEqual(found, seen);
      seen = found;
      if (!isSettled || isDeepStrictEqual(found, current)) continue;
      await renew(found);
      current = found;
      log.info({}, "the certificate was renewed");
    } catch (error) {
      log.warn({ err: error }, "the certificate's files can't be used; the old ones stay");
    }
  }
};
