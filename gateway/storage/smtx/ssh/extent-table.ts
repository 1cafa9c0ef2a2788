import { VisibleError } from "../../../../core/api/errors.ts";
import { extentsMax } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import type { ExtentToken } from "../../volume-io.ts";
import { type ExtentEntry, ExtentRows } from "./extent-rows.ts";
import type { SshRunner } from "./runner.ts";

/** What a row takes up at the most. */
const rowBytesMax = 1024;

/**
 * The table of a volume or a snapshot, by its id on the cluster, in order.
 * @throws what `SshRunner.run` does; CLUSTER_TASK_FAILED where it is in no form that is known
 */
export const extentTable = async (
  ssh: SshRunner,
  zbsVolumeId: string,
  call?: StorageCall,
): Promise<readonly ExtentEntry[]> => {
  let rows = new ExtentRows();
  const words = ["zbs-meta", "-f", "json", "volume", "show_by_id", zbsVolumeId, "--show_lextents"];
  const command = {
    words,
    bytesMax: extentsMax * rowBytesMax,
    onBegin: () => {
      rows = new ExtentRows();
    },
    onBytes: (chunk: Buffer) => rows.push(chunk),
  };
  await ssh.run(command, call);
  return rows.end();
};

/**
 * Equal tokens at the same index of two snapshots are equal data; null is a hole. What does not
 * exist reads through to its origin; without one it is zeros.
 */
export const extentTokens = (table: readonly ExtentEntry[]): readonly ExtentToken[] =>
  table.map(({ id, epoch, origin, everExist }) => {
    if (!everExist && origin === undefined) return null;
    // A content that begins to exist under the same pair would only be compared once more.
    return everExist ? `${id}:${epoch}` : `${id}:${epoch}:${origin}`;
  });

/**
 * Asks for the tokens of a volume or a snapshot that has so many extents.
 * @throws what `extentTable` does; CLUSTER_TASK_FAILED where it has another number of them
 */
export const createAskTokens =
  (ssh: SshRunner) =>
  async (zbsVolumeId: string, extents: number, call?: StorageCall): Promise<readonly ExtentToken[]> => {
    const table = await extentTable(ssh, zbsVolumeId, call);
    if (table.length === extents) return extentTokens(table);
    const message = `The extent table of ${zbsVolumeId} has ${table.length} rows, and ${extents} are expected.`;
    throw new VisibleError("CLUSTER_TASK_FAILED", message, {
      hint: "See that storage.extentBytes is what the cluster has, and that the volume was not resized meanwhile.",
    });
  };
