import { spawn } from "node:child_process";

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/**
 * A hole that is shorter is read, so that a file of a thousand pieces is still read in large ones.
 */
const holeBytesMin = 1024 * 1024;
/** From here on the rest is read, so that a file of a million pieces fits into memory. */
const rangesMax = 1_000_000;
const headerBytes = 512;
const recordsBytesMax = 64 * 1024;
const limitSeconds = 60;

/**
 * Where a sparse file has data, in order: everything else is a hole and reads as zeros. Node can't
 * ask for that (SEEK_DATA), GNU tar can, and says it before the first byte of the file: the map
 * that its “PAX format 1.0” for sparse files begins with (GNU tar's manual, “Storing Sparse
 * Files”). Where there is no such tar, or it says anything else than expected, all of the file is
 * data.
 *
 * @param fd the file, open for reading
 * @throws the signal's reason
 */
export const dataRanges = async (fd: number, sizeBytes: number, signal: AbortSignal): Promise<readonly Range[]> => {
  signal.throwIfAborted();
  const { TAR_OPTIONS: _, ...env } = process.env;
  // The fourth of its files is ours: a name could be another file by now.
  const child = spawn(
    "tar",
    ["--create", "--format=posix", "--sparse", "--hole-detection=seek", "-h", "-P", "-f", "-", "/dev/fd/3"],
    {
      env,
      stdio: ["ignore", "pipe", "ignore", fd],
      signal: AbortSignal.any([signal, AbortSignal.timeout(limitSeconds * 1000)]),
      killSignal: "SIGKILL",
    },
  );
  const ended = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  try {
    if (child.stdout === null) throw new Error("tar has no output");
    return await rangesOf(mapNumbers(child.stdout, sizeBytes), sizeBytes);
  } catch {
    signal.throwIfAborted();
    return [{ offset: 0, length: sizeBytes }];
  } finally {
    // It is not over before its output is, of which the most was never wanted.
    child.kill("SIGKILL");
    child.stdout?.destroy();
    await ended;
  }
};

/** The map: how many ranges there are, then the offset and the length of each, a number a line. */
async function* mapNumbers(archive: AsyncIterable<Buffer>, sizeBytes: number): AsyncGenerator<number, void, void> {
  let bytes: Buffer = Buffer.alloc(0);
  let isInMap = false;
  for await (const chunk of archive) {
    bytes = Buffer.concat([bytes, chunk]);
    if (!isInMap) {
      const mapAt = mapOffset(bytes, sizeBytes);
      if (mapAt === undefined) continue;
      bytes = bytes.subarray(mapAt);
      isInMap = true;
    }
    for (let end = bytes.indexOf("\n"); end >= 0; end = bytes.indexOf("\n")) {
      yield Number(bytes.toString("latin1", 0, end));
      bytes = bytes.subarray(end + 1);
    }
  }
}

/**
 * Where the map begins: behind a header with records about the file, and the header of the file.
 * @returns undefined when more is needed to tell
 */
const mapOffset = (archive: Buffer, sizeBytes: number): number | undefined => {
  if (archive.length < headerBytes) return undefined;
  const [typeAt, lengthAt, lengthDigits] = [156, 124, 11];
  const recordsBytes = Number.parseInt(archive.toString("latin1", lengthAt, lengthAt + lengthDigits), 8);
  if (archive.toString("latin1", typeAt, typeAt + 1) !== "x" || !(recordsBytes <= recordsBytesMax)) {
    throw new Error("not the header that was expected");
  }
  const recordsEnd = headerBytes + Math.ceil(recordsBytes / headerBytes) * headerBytes;
  if (archive.length < recordsEnd + headerBytes) return undefined;
  const records = archive.toString("latin1", headerBytes, headerBytes + recordsBytes);
  for (const record of ["major=1", "minor=0", `realsize=${sizeBytes}`]) {
    if (!records.includes(` GNU.sparse.${record}\n`)) throw new Error(`the records lack ${record}`);
  }
  return recordsEnd + headerBytes;
};

const rangesOf = async (numbers: AsyncGenerator<number, void, void>, sizeBytes: number): Promise<Range[]> => {
  const next = async (): Promise<number> => {
    const { value } = await numbers.next();
    if (value === undefined || !Number.isSafeInteger(value)) throw new Error("the map is cut");
    return value;
  };
  const ranges: { offset: number; length: number }[] = [];
  let end = 0;
  for (let left = await next(); left > 0; left--) {
    const [offset, length] = [await next(), await next()];
    if (offset < end || length < 0 || offset + length > sizeBytes) throw new Error("the map is of another file");
    const last = ranges.at(-1);
    if (last !== undefined && (offset - end < holeBytesMin || ranges.length >= rangesMax)) {
      last.length = offset + length - last.offset;
    } else if (length > 0) {
      ranges.push({ offset, length });
    }
    end = offset + length;
  }
  return ranges;
};
