import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { esbuild, platform, root } from "./platform.ts";

/**
 * A resource as Pulumi would have been told to make it. Names that AWS is to choose have a random
 * part; `name` is the logical one.
 */
export interface Resource {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly retainOnDelete: boolean;
  /** When it was made, counted among all: after what it depends on. */
  readonly order: number;
}

/** What sst.config.ts says of an app, and what its run() makes. */
export interface Evaluation {
  readonly app: { readonly name: string; readonly removal: string; readonly protect: boolean; readonly home: string };
  readonly outputs: Readonly<Record<string, unknown>>;
  /** In the order of their types, and names within a type. */
  readonly resources: readonly Resource[];
  /** Entry points that SST was asked to bundle. */
  readonly handlers: readonly string[];
}

interface BuildHooks {
  onLoad(
    options: { readonly filter: RegExp },
    load: (file: { readonly path: string }) => Promise<{ contents: string; loader: "ts" } | undefined>,
  ): void;
}

/**
 * What SST puts before each of our files: its components and the providers are
 * there as `sst` and `aws`.
 */
const globals = `import * as aws from "@pulumi/aws"; import * as sst from "${platform}/src/components";`;

const withGlobals = {
  name: "globals",
  setup: (build: BuildHooks) =>
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const isOurs = !path.includes("/node_modules/") && !path.startsWith(platform);
      return isOurs ? { contents: `${globals}\n${await readFile(path, "utf8")}`, loader: "ts" } : undefined;
    }),
};

const banner = `import { createRequire as topLevelCreateRequire } from "node:module";
const require = topLevelCreateRequire(import.meta.url);
const __dirname = import.meta.dirname;
const __filename = import.meta.filename;`;

/**
 * Bundles code that may import sst.config.ts, as SST does it:
 * https://github.com/sst/sst/blob/dev/pkg/project/run.go
 */
const bundle = async (code: string, outfile: string, options: object): Promise<void> => {
  await esbuild.build({
    stdin: { contents: code, resolveDir: root, sourcefile: "eval.ts", loader: "ts" },
    absWorkingDir: root,
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2023",
    mainFields: ["module", "main"],
    nodePaths: [`${platform}/node_modules`],
    banner: { js: banner },
    logLevel: "error",
    ...options,
  });
};

const external = [
  "@pulumi/*",
  "@pulumiverse/*",
  "@aws-sdk/*",
  "esbuild",
  "archiver",
  "glob",
  "undici",
  "vite",
  "express",
];

/**
 * Evaluates the real sst.config.ts with everything that it imports, and SST's own components,
 * without AWS: Pulumi's mocks stand for the providers, and a server for the part of SST that is
 * written in Go. In a process of its own, since Pulumi keeps state in globals.
 */
export const evaluate = async (stage: string): Promise<Evaluation> => {
  // What is external must be found from there.
  const dir = await mkdtemp(join(platform, "evaluate-"));
  const work = await mkdtemp(join(tmpdir(), "smtx-backup-infra-"));
  try {
    const appFile = join(dir, "app.mjs");
    await bundle('import config from "./sst.config.ts"; export const app = config.app;', appFile, {
      banner: { js: "globalThis.$config = (config) => config;" },
      external: ["./infra/*"],
    });
    const { app: appOf } = (await import(appFile)) as { app: (input: { stage: string }) => Evaluation["app"] };
    const app = appOf({ stage });
    const runFile = join(dir, "run.mjs");
    await bundle(
      `import { run } from "${platform}/src/auto/run.ts"; import config from "./sst.config.ts";
      export const result = await run(config.run);`,
      runFile,
      {
        external,
        plugins: [withGlobals],
        inject: [`${platform}/src/shim/run.js`],
        define: {
          $app: JSON.stringify({ ...app, stage, providers: { aws: {} } }),
          $cli: JSON.stringify({
            command: "deploy",
            dev: false,
            paths: { home: work, root, work, platform },
            state: {},
          }),
          $dev: "false",
        },
      },
    );
    const result = join(work, "result.json");
    await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, "evaluate-run.ts"), runFile, result, app.name, stage],
      { timeout: 120_000, env: { ...process.env, NODE_NO_WARNINGS: "1" } },
    );
    return { app, ...(JSON.parse(await readFile(result, "utf8")) as Omit<Evaluation, "app">) };
  } finally {
    await rm(dir, { recursive: true });
    await rm(work, { recursive: true });
  }
};
