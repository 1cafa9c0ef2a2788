import { runTool } from "../cases/tools.ts";

export interface ReadOptions {
  /** What the disk holds. */
  readonly dataBytes: number;
  /** How long is read here and there. */
  readonly randomSeconds: number;
}

/** One way to read a disk. */
export interface ReadCase {
  readonly name: string;
  /** What is read, in words. */
  readonly what: string;
  /** @returns what was read, in bytes, and how long it took */
  read(uri: string, options: ReadOptions): Promise<{ readonly bytes: number; readonly seconds: number }>;
}

/** What a copy takes that reads all but the holes. */
const copy = async (parameters: readonly string[], bytes: number) => {
  const from = performance.now();
  await runTool("nbdcopy", [...parameters, "null:"]);
  return { bytes, seconds: (performance.now() - from) / 1000 };
};

const random = async (uri: string, blockBytes: number, { randomSeconds }: ReadOptions) => {
  const printed = await runTool("fio", [
    ...["--name=read", "--ioengine=nbd", `--uri=${uri}`, "--rw=randread", "--randrepeat=1", "--norandommap"],
    ...[`--bs=${blockBytes}`, "--iodepth=16", "--time_based", `--runtime=${randomSeconds}`, "--output-format=json"],
  ]);
  const { jobs } = JSON.parse(printed.slice(printed.indexOf("{")));
  const { io_bytes: bytes, runtime } = jobs[0].read;
  return { bytes: Number(bytes), seconds: Number(runtime) / 1000 };
};

export const readCases: readonly ReadCase[] = [
  {
    name: "copy",
    what: "nbdcopy, four connections",
    read: (uri, { dataBytes }) => copy(["--connections=4", uri], dataBytes),
  },
  {
    name: "copy over one",
    what: "nbdcopy, one connection",
    read: (uri, { dataBytes }) => copy(["--connections=1", uri], dataBytes),
  },
  { name: "random 64 KiB", what: "fio, 16 at once", read: (uri, options) => random(uri, 64 * 1024, options) },
  { name: "random 4 KiB", what: "fio, 16 at once", read: (uri, options) => random(uri, 4 * 1024, options) },
];
