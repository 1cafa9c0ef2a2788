import { createHash } from "node:crypto";
import { type FileHandle, link, lstat, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import { asDiskError } from "../../files/disk-errors.ts";
import { codeOf } from "../../files/error-code.ts";
import { permissionsOf, privateFile, setPermissions } from "../../files/private.ts";
import type { StorageDriver } from "../driver.ts";
import { openSnapshotReader, type SnapshotSource } from "../snapshot-reader.ts";
import type { BlockReader } from "../volume-io.ts";
import { changedRanges } from "./changed-ranges.ts";
import type { ImageProgress } from "./import.ts";
import { pieceBytes, piecesOf } from "./pieces.ts";
import { convert, requireQemuImg } from "./qemu-img.ts";
import { readAhead } from "./read-ahead.ts";
import { makeScratch } from "./scratch.ts";

export type ExportSource = {
  readonly storage: SnapshotSource & Pick<StorageDriver, "openVolume">;
  readonly signal: AbortSignal;
  /** Called after every MiB. */
  readonly onProgress?: (progress: ImageProgress) => void;
} & (
  | { readonly snapshotId: string; readonly volumeId?: undefined }
  /** As it is while it is read: whoever writes to it meanwhile is seen in parts. */
  | { readonly volumeId: string; readonly snapshotId?: undefined }
);

export type ExportOptions = ExportSource & {
  readonly file: string;
  readonly format: "raw" | "qcow2";
  /** Whether a file that is there may be replaced, once the new one is complete. */
  readonly force?: boolean;
};

export interface ExportResult {
  /** Of the volume; a qcow2 file is smaller. */
  readonly sizeBytes: number;
  /** Of the volume's bytes, hex: what `sha256sum` says of the raw image, whatever the format. */
  readonly sha256: string;
}

/**
 * Writes a snapshot or a volume to a file: to a temporary folder beside it, with zeros left as
 * holes, made durable, and then renamed. Whatever fails, there is no half file under its name. A
 * new file is this user's alone; one that replaces another has its mode, and its owner if possible.
 *
 * @throws IMAGE_EXISTS, IMAGE_UNWRITABLE, STORE_FULL, DISK_FAILED, TOOL_MISSING (qcow2
 *   without qemu-img), SNAPSHOT_UNKNOWN, VOLUME_UNKNOWN, STORE_CORRUPT, the signal's reason
 */
export const exportImage = async (options: ExportOptions): Promise<ExportResult> => {
  const { file, format, signal } = options;
  await refuseTaken(options);
  if (format !== "raw") await requireQemuImg(signal);
  return withReader(options, async (reader) => {
    const beside = dirname(file);
    const making = makeScratch(join(beside, ".smtx-backup-export-")).catch(noFolder(beside));
    const scratch = await writable(file, making);
    try {
      return await exportVia(scratch.folder, reader, options);
    } finally {
      await scratch.remove();
    }
  });
};

/**
 * Writes a snapshot or a volume, raw, to wherever `write` brings its bytes; those are good until
 * its promise is resolved.
 *
 * @throws SNAPSHOT_UNKNOWN, VOLUME_UNKNOWN, STORE_CORRUPT, the signal's reason, what `write` throws
 */
export const streamImage = (
  options: ExportSource & { readonly write: (bytes: Uint8Array) => Promise<void> },
): Promise<ExportResult> =>
  withReader(options, (reader) => copyOut(reader, options, (_, bytes) => options.write(bytes)));

const withReader = async <T>(options: ExportSource, use: (reader: BlockReader) => Promise<T>): Promise<T> => {
  const { storage, signal } = options;
  const reader =
    options.snapshotId === undefined
      ? await storage.openVolume(options.volumeId, "read", { signal })
      : await openSnapshotReader(storage, options.snapshotId, { signal });
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
};

const exportVia = async (folder: string, reader: BlockReader, options: ExportOptions): Promise<ExportResult> => {
  const { file, format, signal } = options;
  const raw = join(folder, "raw");
  const result = await writeRaw(raw, reader, options);
  const made = format === "raw" ? raw : join(folder, format);
  if (format !== "raw") {
    const { sizeBytes } = result;
    const complaint = await convert({
      from: { file: raw, format: "raw" },
      to: { file: made, format },
      signal,
      sizeBytes,
    });
    if (complaint?.includes("No space left on device")) throw noRoom(file);
    if (complaint !== undefined) throw unwritable(`qemu-img cannot make “${file}”: ${complaint}`, {});
  }
  await writable(
    file,
    sync(made, async (handle) => setPermissions(handle, await permissionsOf(file))),
  );
  await putInPlace(made, options);
  // The name is durable only when its folder is.
  await writable(file, sync(dirname(file)));
  return result;
};

const writeRaw = async (raw: string, reader: BlockReader, options: ExportOptions): Promise<ExportResult> => {
  const { file } = options;
  const handle = await writable(file, open(raw, "wx", privateFile));
  try {
    await writable(file, handle.truncate(reader.sizeBytes));
    return await copyOut(reader, options, async (offset, bytes) => {
      for (const range of changedRanges(bytes)) {
        const data = bytes.subarray(range.offset, range.offset + range.length);
        await writable(file, writeFully(handle, offset + range.offset, data));
      }
    });
  } finally {
    await handle.close();
  }
};

const copyOut = async (
  reader: BlockReader,
  { signal, onProgress }: ExportSource,
  put: (offset: number, bytes: Uint8Array) => Promise<void>,
): Promise<ExportResult> => {
  const { sizeBytes } = reader;
  const hash = createHash("sha256");
  const pieces = readAhead({
    pieces: piecesOf(sizeBytes),
    signal,
    makeBuffers: () => Buffer.alloc(pieceBytes),
    fill: (buffer, { offset, length }) => reader.read(offset, buffer.subarray(0, length), { signal }),
  });
  for await (const { piece, buffers } of pieces) {
    const { offset, length } = piece;
    const bytes = buffers.subarray(0, length);
    hash.update(bytes);
    await put(offset, bytes);
    // Nothing need have been waited for, and a signal is only noticed when somebody does.
    await setImmediate();
    onProgress?.({ doneBytes: offset + length, totalBytes: sizeBytes });
  }
  return { sizeBytes, sha256: hash.digest("hex") };
};

const writeFully = async (handle: FileHandle, offset: number, data: Uint8Array): Promise<void> => {
  for (let done = 0; done < data.length; ) {
    const { bytesWritten } = await handle.write(data, done, data.length - done, offset + done);
    done += bytesWritten;
  }
};

const sync = async (path: string, prepare?: (handle: FileHandle) => Promise<void>): Promise<void> => {
  const handle = await open(path, "r");
  try {
    await prepare?.(handle);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Renaming would put a file in the place of a device or a link, whether that is wanted or not. */
const refuseTaken = async ({ file, force }: ExportOptions): Promise<void> => {
  const stat = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw unwritable(`“${file}” cannot be written: ${error.message}.`, { cause: error });
  });
  if (stat === undefined) return;
  if (!stat.isFile()) {
    throw unwritable(`“${file}” is there, and is no ordinary file.`, { hint: "Name a file that is not there yet." });
  }
  if (force !== true) throw exists(file);
};

/**
 * A link, unlike a rename, never replaces what somebody has put there meanwhile. Not every file
 * system knows links.
 */
const putInPlace = async (made: string, options: ExportOptions): Promise<void> => {
  const { file, force } = options;
  if (force !== true) {
    try {
      await link(made, file);
      return;
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw exists(file);
      await refuseTaken(options);
    }
  }
  await writable(file, rename(made, file));
};

const exists = (file: string): VisibleError =>
  new VisibleError("IMAGE_EXISTS", `“${file}” is there already.`, {
    hint: "Name another file, or replace it with --force; it stays until the new one is complete.",
  });

const noFolder = (folder: string) => (error: unknown) => {
  if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
  throw unwritable(`There is no folder “${folder}”.`, { hint: "Make it first, or name another one.", cause: error });
};

const writable = async <T>(file: string, operation: Promise<T>): Promise<T> => {
  try {
    return await operation;
  } catch (error) {
    if (VisibleError.is(error)) throw error;
    const named = asDiskError(file, error);
    if (VisibleError.is(named, "DISK_FAILED")) throw named;
    if (VisibleError.is(named, "STORE_FULL")) throw noRoom(file, error);
    throw unwritable(`“${file}” cannot be written: ${error instanceof Error ? error.message : error}.`, {
      hint: "Look whether the folder is there, whether this user may write to it, and whether it has room.",
      cause: error,
    });
  }
};

const noRoom = (file: string, cause?: unknown): VisibleError =>
  new VisibleError("STORE_FULL", `There is no room left for “${file}”.`, {
    hint: "Free some room there, or name a file on another disk.",
    cause,
  });

const unwritable = (message: string, options: { hint?: string; cause?: unknown }): VisibleError =>
  new VisibleError("IMAGE_UNWRITABLE", message, options);
