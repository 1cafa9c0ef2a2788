import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { FunctionName } from "../../infra/aws/names.ts";
import { handlerOf } from "../../infra/aws/names.ts";
import { esbuild, platform, root } from "./platform.ts";

/** A function as it is uploaded to Lambda. */
export interface Bundle {
  /** What is in the zip: a folder with `bundle.mjs`. */
  readonly dir: string;
  /** For Lambda's `Handler`. */
  readonly handler: "bundle.handler";
  readonly bytes: number;
  /** The files that it was made of, relative to the project. */
  readonly inputs: readonly string[];
}

/** What SST puts before every ESM bundle. */
const banner = [
  "import { createRequire as topLevelCreateRequire } from 'module';",
  "const require = topLevelCreateRequire(import.meta.url);",
  'import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url"',
  "const __filename = topLevelFileUrlToPath(import.meta.url)",
  'const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url))',
].join("\n");

/**
 * Bundles a function into `dir` with the settings with which SST does it for Lambda's Node 24
 * (https://github.com/sst/sst/blob/dev/pkg/runtime/node/build.go).
 */
export const bundleFunction = async (name: FunctionName, dir: string): Promise<Bundle> => {
  const file = join(dir, "bundle.mjs");
  const { metafile } = await esbuild.build({
    absWorkingDir: root,
    entryPoints: [handlerOf(name).replace(/\.handler$/, ".ts")],
    outfile: file,
    platform: "node",
    format: "esm",
    // SST says es2024 for Node 24, with the esbuild that is inside its binary; the platform's is
    // older and does not know it.
    target: "es2023",
    mainFields: ["module", "main"],
    external: ["sharp", "pg-native"],
    bundle: true,
    keepNames: true,
    minify: true,
    metafile: true,
    banner: { js: banner },
    logLevel: "error",
  });
  return { dir, handler: "bundle.handler", bytes: (await stat(file)).size, inputs: Object.keys(metafile.inputs) };
};

interface Archive {
  pipe(to: NodeJS.WritableStream): void;
  file(from: string, options: { readonly name: string; readonly date: Date }): void;
  finalize(): Promise<void>;
}

/**
 * Zips a bundle with the library and the dates that SST uses, so that the same
 * bundle is the same zip.
 */
export const zipBundle = async ({ dir }: Bundle, file: string): Promise<void> => {
  const archiver: (format: "zip", options: object) => Archive = createRequire(`${platform}/package.json`)("archiver");
  await mkdir(dirname(file), { recursive: true });
  const archive = archiver("zip", { statConcurrency: 1 });
  const target = createWriteStream(file);
  archive.pipe(target);
  for (const name of (await readdir(dir)).sort()) archive.file(join(dir, name), { name, date: new Date(0) });
  await Promise.all([once(target, "close"), archive.finalize()]);
};
