import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../core/api/errors.ts";
import type { Host } from "./host/host.ts";
import { recordingScreen, run } from "./testing.ts";

const commands = [
  "local up",
  "gateway run",
  "gateway check",
  "gateway probe",
  "gateway list",
  "site list",
  "site show",
  "site map",
  "site limit",
  "object list",
  "object show",
  "object create",
  "object update",
  "object label",
  "object power-on",
  "object power-off",
  "object delete",
  "volume import",
  "volume list",
  "volume export",
  "status",
  "plan create",
  "plan list",
  "plan show",
  "plan update",
  "plan run",
  "plan suspend",
  "plan resume",
  "plan delete",
  "plan preview",
  "run list",
  "run show",
  "run cancel",
  "group list",
  "group show",
  "rebuild",
  "completion",
  "help",
];

describe("help", () => {
  test("of the program lists every command and every exit code", async () => {
    const { exitCode, stdout, stderr } = await run(["--help"]);
    assert.deepEqual([exitCode, stderr], [0, ""]);
    for (const command of commands) assert.match(stdout, new RegExp(`^  ${command} .*\\w`, "m"));
    for (const code of [0, 1, 2, 3, 4, 5, 70, 130]) assert.match(stdout, new RegExp(`^  ${code} +\\w`, "m"));
  });

  for (const command of commands) {
    test(`of “${command}” says how it is used, and what may stand on every command line`, async () => {
      const { exitCode, stdout } = await run([...command.split(" "), "--help"]);
      assert.equal(exitCode, 0);
      assert.match(stdout, new RegExp(`^Usage: smtx-backup ${command} `));
      for (const option of ["--json", "--dir", "--url", "--token-file"]) assert.ok(stdout.includes(option));
    });
  }

  test("by the word is the same as by --help, for every command", async () => {
    for (const words of [[], ["plan"], ...commands.map((command) => command.split(" "))]) {
      assert.deepEqual(await run(["help", ...words]), await run([...words, "--help"]), words.join(" "));
    }
  });

  test("of a command that is not there names the one that is most like it", async () => {
    for (const [words, exitCode, pattern] of [
      [["pln"], 2, /unknown command 'pln' \(Did you mean plan\?\) \(BAD_REQUEST\)\n {2}hint: See: smtx-backup --help/],
      [["plan", "crate"], 2, /'crate' \(Did you mean create\?\).*\n {2}hint: See: smtx-backup plan --help/],
      [["plan", "create", "now"], 2, /“plan create” is a whole command: “now” is too much\./],
    ] as const) {
      const wrong = await run(["help", ...words]);
      assert.deepEqual([wrong.exitCode, wrong.stdout], [exitCode, ""]);
      assert.match(wrong.stderr, pattern);
    }
  });

  test("is shown on standard error for a noun without a verb, which is bad usage", async () => {
    const { exitCode, stdout, stderr } = await run(["plan"]);
    assert.deepEqual([exitCode, stdout], [2, ""]);
    assert.match(stderr, /plan create -f <file>/);
  });
});

test("a gateway's check says what passed and what did not, and fails with it", async () => {
  const passed = { what: "port", passed: true, text: "127.0.0.1:1 is free" };
  const failed = { what: "queues", passed: false, text: "no queue", hint: "register the site" };
  const command = ["gateway", "check", "-c", "gateway.yaml"];
  const good = await run(command, { checkGateway: async () => [passed] });
  assert.deepEqual([good.exitCode, good.stdout], [0, "ok     port           127.0.0.1:1 is free\n"]);
  const bad = await run(command, { checkGateway: async () => [passed, failed] });
  assert.equal(bad.exitCode, 1);
  assert.match(bad.stdout, /wrong {2}queues {9}no queue\n {22}register the site/);
  const json = await run([...command, "--json"], { checkGateway: async () => [failed] });
  assert.deepEqual(JSON.parse(json.stdout), { findings: [failed] });
});

test("the columns of a run's table are explained in its help", async () => {
  const { stdout } = await run(["run", "show", "--help"]);
  for (const column of ["EXTENTS", "UNCHANGED", "HOLES", "CHANGED", "SENT", "RATIO"])
    assert.match(stdout, new RegExp(column));
});

describe("bad usage", () => {
  const cases = [
    [["pln", "list"], /unknown command 'pln' \(Did you mean plan\?\)/],
    [["plan", "crate"], /unknown command 'crate' \(Did you mean create\?\)/],
    [["plan", "list", "--jsn"], /unknown option '--jsn'/],
    [["plan", "create"], /--file <file>' not specified/],
    [["plan", "show"], /missing required argument 'plan'/],
    [["site", "list", "more"], /too many arguments/],
    [["run", "show", "x"], /a run's id, such as run_/],
    [["rebuild", "x", "--site", "b"], /“x” can't be the group: a group's id, such as group_/],
    [["group", "list", "--plan", "p", "--site", "B!"], /lower-case letters/],
    [["local", "up", "--sites", "a,a"], /named twice/],
    [["local", "up", "--gateways-per-site", "0"], /whole number from 1/],
    [["volume", "import", "f", "--site", "a", "--name", "x", "--into", "y"], /cannot be used with/],
    [["volume", "import", "f", "--site", "a", "--object", "x", "--into", "y"], /cannot be used with/],
    [["object", "list", "--site", "a", "--kind", "disk"], /Allowed choices are lun, volume, nfs-file, vm/],
    [
      ["object", "update", "web", "--site", "a", "--size", "much"],
      /^error: “much” can't be the value of --size <size>: A size such as/,
    ],
    [["group", "show", "group_x", "--site", "a"], /^error: “group_x” can't be the group: /],
    [["object", "label", "web", "--site", "a"], /missing required argument 'labels'/],
    [["site", "map", "a", "prod=x"], /'--to <target>' not specified/],
    [["volume", "export", "v", "--site", "a", "-o", "f", "--format", "vmdk"], /Allowed choices are raw, qcow2/],
    [["--url", "ftp://x", "--token-file", "/dev/null", "site", "list"], /must be a URL such as/],
  ] as const;
  for (const [args, message] of cases) {
    test(`“${args.join(" ")}” is told with its code, and ends with 2`, async () => {
      const { exitCode, stdout, stderr } = await run(args);
      assert.deepEqual([exitCode, stdout], [2, ""]);
      assert.match(stderr, /^error: .+ \(BAD_REQUEST\)\n {2}hint: .+\n$/);
      assert.match(stderr, message);
    });
  }

  test("is told with the help of the very command", async () => {
    const hintOf = async (...args: string[]) => /hint: See: (.*)\n$/.exec((await run(args)).stderr)?.[1];
    assert.equal(await hintOf("plan", "create"), "smtx-backup plan create --help");
    assert.equal(await hintOf("volume", "import", "f", "--site", "B!"), "smtx-backup volume import --help");
    assert.equal(await hintOf("rebuild"), "smtx-backup rebuild --help");
    assert.equal(await hintOf("plan", "crate"), "smtx-backup plan --help");
    assert.equal(await hintOf("plam"), "smtx-backup --help");
  });

  test("is told as JSON to a script, and nothing else is", async () => {
    const { exitCode, stdout, stderr } = await run(["plan", "list", "--nope", "--json"]);
    assert.deepEqual([exitCode, stdout], [2, ""]);
    assert.equal(JSON.parse(stderr).error.code, "BAD_REQUEST");
  });
});

describe("what goes wrong", () => {
  const upFails = (error: unknown) =>
    run(["local", "up"], {
      localUp: async () => {
        throw error;
      },
    });

  test("as expected is told with its code and its hint, and has the exit code of its kind", async () => {
    const { exitCode, stderr } = await upFails(new VisibleError("STORE_IN_USE", "It runs.", { hint: "Use that one." }));
    assert.equal(exitCode, 1);
    assert.equal(stderr, "error: It runs. (STORE_IN_USE)\n  hint: Use that one.\n");
  });

  test("for want of descriptors or of room on a disk is no defect", async () => {
    const system = (code: string) => Object.assign(new Error(`${code}: …, open 'x'`), { code });
    const few = await upFails(new Error("failed", { cause: system("EMFILE") }));
    assert.equal(few.exitCode, 1);
    assert.match(few.stderr, /^error: This host may not open more files\. \(TOO_FEW_DESCRIPTORS\)\n {2}hint: .+ulimit/);
    const full = await upFails(system("ENOSPC"));
    assert.equal(full.exitCode, 1);
    assert.match(full.stderr, /^error: This host has no space left on its disk\. \(STORE_FULL\)\n {2}hint: /);
  });

  test("unexpectedly is a defect, told with its stack", async () => {
    const { exitCode, stderr } = await upFails(new TypeError("x is not a function"));
    assert.equal(exitCode, 70);
    assert.match(stderr, /x is not a function \(INTERNAL\)\n {2}hint: .*defect.*\n[\s\S]*main\.test\.ts/);
  });

  test("after Ctrl-C is no defect", async () => {
    const signal = AbortSignal.abort(new Error("stopped by SIGINT"));
    const localUp = async () => signal.throwIfAborted();
    const { exitCode, stderr } = await run(["local", "up"], { signal, localUp });
    assert.equal(exitCode, 130);
    assert.match(stderr, /INTERRUPTED/);
  });
});

describe("colours", () => {
  const errorOn = async (isTerminal: boolean, env: Record<string, string>) => {
    const stderr = recordingScreen(isTerminal);
    await run(["plan", "crate"], { stderr, env });
    return stderr.text;
  };

  test("are there on a terminal only, and not where NO_COLOR is set", async () => {
    assert.ok((await errorOn(true, {})).includes("\u001b["));
    assert.ok(!(await errorOn(false, {})).includes("\u001b["));
    assert.ok(!(await errorOn(true, { NO_COLOR: "1" })).includes("\u001b["));
  });
});

describe("local up", () => {
  const ready = { url: "http://127.0.0.1:1", tokenFile: "/d/token", sites: ["a", "c"] };

  test("tells of a process that died, and ends with a code of its own when one can't be kept running", async () => {
    const { exitCode, stderr } = await run(["local", "up"], {
      localUp: async ({ onTrouble }) => {
        onTrouble?.("The gateway a1 has ended (exit 1) and is started again.");
        throw new VisibleError("PROCESS_LOST", "The gateway a1 keeps ending (exit 1) and is given up.");
      },
    });
    assert.equal(exitCode, 1);
    assert.equal(
      stderr,
      "warning: The gateway a1 has ended (exit 1) and is started again.\n" +
        "error: The gateway a1 keeps ending (exit 1) and is given up. (PROCESS_LOST)\n",
    );
  });

  test("passes on what was asked for, and says where the API is once it answers", async () => {
    const asked: object[] = [];
    const { exitCode, stdout } = await run(
      ["local", "up", "--dir", "/d", "--sites", "x,y,z", "--gateways-per-site", "2", "--envoy", "auto"],
      {
        localUp: async ({ dir, sites, gatewaysPerSite, envoy, onReady }) => {
          asked.push({ dir, sites, gatewaysPerSite, envoy });
          onReady?.(ready);
        },
      },
    );
    assert.equal(exitCode, 0);
    assert.deepEqual(asked, [{ dir: "/d", sites: ["x", "y", "z"], gatewaysPerSite: 2, envoy: "auto" }]);
    assert.match(stdout, /http:\/\/127\.0\.0\.1:1/);
  });

  test("leaves it to its folder which sites there are, unless they are named", async () => {
    const asked: unknown[] = [];
    const localUp: Host["localUp"] = async (options) => void asked.push(options.sites);
    await run(["local", "up"], { localUp });
    await run(["local", "up", "--sites", "b"], { localUp });
    assert.deepEqual(asked, [undefined, ["b"]]);
  });

  test("tells a script the same as one JSON document on a line", async () => {
    const { stdout } = await run(["local", "up", "--json"], {
      env: { SMTX_BACKUP_DIR: "/d" },
      localUp: async ({ onReady }) => onReady?.(ready),
    });
    assert.deepEqual(JSON.parse(stdout), { ...ready, dir: "/d" });
    assert.equal(stdout.indexOf("\n"), stdout.length - 1);
  });
});

test("gateway run passes on its configuration and whether it ends with its parent", async () => {
  const asked: object[] = [];
  const runGateway = async (config: string, { stopWithParent }: { stopWithParent: boolean }) => {
    asked.push({ config, stopWithParent });
  };
  assert.equal((await run(["gateway", "run", "-c", "g.yaml"], { runGateway })).exitCode, 0);
  await run(["gateway", "run", "-c", "g.yaml", "--stop-with-parent"], { runGateway });
  assert.deepEqual(asked, [
    { config: "g.yaml", stopWithParent: false },
    { config: "g.yaml", stopWithParent: true },
  ]);
});
