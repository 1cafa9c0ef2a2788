import { readFile, stat } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { localContextFile } from "../../infra/local/context.ts";

const listening = "0A";

/** The users whose processes listen at a port, as Linux tells in proc_net_tcp; elsewhere none. */
const listenersAt = async (port: number): Promise<readonly number[]> => {
  const tables = ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => ""));
  const rows = (await Promise.all(tables)).flatMap((table) => table.split("\n").slice(1));
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , uid] = row.trim().split(/\s+/);
    const isHere = state === listening && Number.parseInt(local.split(":")[1] ?? "", 16) === port;
    return isHere ? [Number(uid)] : [];
  });
};

/**
 * A local environment that has ended leaves its port to anybody, who would be sent the token. Who
 * listens there has to be the user whose folder it is.
 * @throws VisibleError LINK_BROKEN when another user listens there
 */
export const refuseForeignListener = async (
  dir: string,
  url: string,
  listeners: (port: number) => Promise<readonly number[]> = listenersAt,
): Promise<void> => {
  const { uid } = await stat(localContextFile(dir));
  if ((await listeners(Number(new URL(url).port))).every((listener) => listener === uid)) return;
  throw new VisibleError(
    "LINK_BROKEN",
    `The local environment in ${dir} is not running: another user listens at ${url}, who is sent nothing.`,
    { hint: `Start it with: smtx-backup local up --dir ${dir}` },
  );
};
