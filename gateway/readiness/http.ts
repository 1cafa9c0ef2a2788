import { Agent, request } from "undici";

/** More of an answer than this is not read. */
const bodyBytesMax = 64 * 1024;

/**
 * Whether a GET is answered with the status. Redirections are not followed, what the answer says is
 * thrown away, and a certificate has to be good.
 * @returns why not, as a clause; undefined when it is
 */
export const askHttp = async (
  { http, status }: { readonly http: string; readonly status: number },
  signal: AbortSignal,
): Promise<string | undefined> => {
  const dispatcher = new Agent({ pipelining: 0, maxHeaderSize: 16 * 1024 });
  try {
    const { statusCode, body } = await request(http, { dispatcher, signal });
    await body.dump({ limit: bodyBytesMax, signal }).catch(() => undefined);
    return statusCode === status ? undefined : `it answers ${statusCode}, and ${status} is wanted`;
  } catch (error) {
    if (signal.aborted) return "nobody answered in time";
    return error instanceof Error ? error.message : String(error);
  } finally {
    await dispatcher.destroy();
  }
};
