import { copyFile, link, mkdir, mkdtemp, open, opendir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findTool, runTool } from "./tools.ts";

/** The file inside the image that the next day brings a new version of. */
const changingFile = "changing.bin";

export interface DiskImage {
  /** `ext4` where mke2fs is there; else the files one after the other, as a raw disk. */
  readonly format: "ext4" | "raw";
  readonly files: number;
  readonly contentBytes: number;
}

/**
 * Makes a sparse disk image with real files of this machine in it: what is installed beside this
 * module, then the system's libraries.
 */
export const makeDiskImage = async (options: {
  readonly file: string;
  readonly sizeBytes: number;
  /** At least this much of files, if the machine has it. */
  readonly contentBytes: number;
  readonly changingBytes: number;
}): Promise<DiskImage> => {
  const { file, sizeBytes, contentBytes, changingBytes } = options;
  const mke2fs = await findTool("mke2fs");
  const found = await collectFiles(contentBytes - changingBytes);
  await withTemporaryFolder(async (folder) => {
    const changing = join(folder, changingFile);
    await writePattern(changing, changingBytes, 1);
    await truncateTo(file, sizeBytes);
    if (mke2fs === undefined) return concatenate(file, [changing, ...found.paths]);
    await stage(folder, found.paths);
    await runTool(mke2fs, ["-q", "-t", "ext4", "-F", "-d", folder, file]);
  });
  return {
    format: mke2fs === undefined ? "raw" : "ext4",
    files: found.paths.length + 1,
    contentBytes: found.bytes + changingBytes,
  };
};

/** The next day: one file of the image has a new content. @returns how many bytes the file has */
export const changeDiskImage = async (options: {
  readonly file: string;
  readonly format: DiskImage["format"];
  readonly changingBytes: number;
  /** Another seed, another content. */
  readonly seed: number;
}): Promise<number> => {
  const { file, format, changingBytes, seed } = options;
  await withTemporaryFolder(async (folder) => {
    const changed = join(folder, changingFile);
    await writePattern(changed, changingBytes, seed);
    if (format === "raw") return concatenate(file, [changed]);
    const debugfs = await findTool("debugfs");
    if (debugfs === undefined)
      throw new Error("mke2fs is there and debugfs is not; they come in one package, e2fsprogs");
    await runTool(debugfs, ["-w", "-R", `rm /${changingFile}`, file]);
    await runTool(debugfs, ["-w", "-R", `write ${changed} /${changingFile}`, file]);
  });
  return changingBytes;
};

const roots = () => [
  dirname(process.execPath),
  fileURLToPath(new URL("../../../node_modules", import.meta.url)),
  "/usr/lib",
  "/usr/share",
  "/usr/bin",
];

const collectFiles = async (bytesMin: number): Promise<{ paths: readonly string[]; bytes: number }> => {
  const paths: string[] = [];
  // A file system stores a file with two names once, and so would the image.
  const seen = new Set<string>();
  let bytes = 0;
  for (const root of roots()) {
    for await (const path of filesBelow(root)) {
      const { dev, ino, size } = await stat(path);
      if (seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
      paths.push(path);
      bytes += size;
      if (bytes >= bytesMin) return { paths, bytes };
    }
  }
  return { paths, bytes };
};

/** Regular files below a folder; folders that can't be read or aren't there have none. */
async function* filesBelow(folder: string): AsyncGenerator<string> {
  let entries: Awaited<ReturnType<typeof opendir>>;
  try {
    entries = await opendir(folder, { recursive: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES")) return;
    throw error;
  }
  for await (const entry of entries) if (entry.isFile()) yield join(entry.parentPath, entry.name);
}

/** Puts the files into folders of a thousand: by hard links where that goes, else as copies. */
const stage = async (folder: string, paths: readonly string[]): Promise<void> => {
  for (const [i, path] of paths.entries()) {
    const into = join(folder, `files-${Math.floor(i / 1000)}`);
    if (i % 1000 === 0) await mkdir(into);
    const to = join(into, `${i}-${path.slice(path.lastIndexOf("/") + 1)}`);
    await link(path, to).catch(() => copyFile(path, to));
  }
};

const truncateTo = async (file: string, bytes: number): Promise<void> => {
  const image = await open(file, "w");
  try {
    await image.truncate(bytes);
  } finally {
    await image.close();
  }
};

const pieceBytes = 1024 * 1024;

const concatenate = async (file: string, paths: readonly string[]): Promise<void> => {
  const image = await open(file, "r+");
  try {
    const { size } = await image.stat();
    let position = 0;
    for (const path of paths) {
      const from = await open(path, "r");
      try {
        const piece = new Uint8Array(pieceBytes);
        for (let read = 1; read > 0 && position < size; ) {
          read = (await from.read(piece, 0, Math.min(pieceBytes, size - position))).bytesRead;
          await image.write(piece, 0, read, position);
          position += read;
        }
      } finally {
        await from.close();
      }
    }
  } finally {
    await image.close();
  }
};

/**
 * A file whose content looks random, hardly compresses, and is the same for the
 * same seed (xorshift32).
 */
export const writePattern = async (file: string, bytes: number, seed: number): Promise<void> => {
  const out = await open(file, "w");
  try {
    const piece = new Uint32Array(pieceBytes / 4);
    let state = (seed * 2654435761) >>> 0 || 1;
    for (let position = 0; position < bytes; position += pieceBytes) {
      for (let i = 0; i < piece.length; i += 1) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        piece[i] = state >>> 0;
      }
      await out.write(new Uint8Array(piece.buffer), 0, Math.min(pieceBytes, bytes - position), position);
    }
  } finally {
    await out.close();
  }
};

const withTemporaryFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-image-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
};
