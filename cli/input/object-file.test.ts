import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { parseObjects, readChangeFile } from "./object-file.ts";

const parse = (text: string) => parseObjects({ name: "a.yaml", text });

const refusedWith = (work: () => unknown, ...problems: readonly RegExp[]) =>
  assert.throws(work, (error) => {
    assert.ok(VisibleError.is(error, "BAD_REQUEST") && error.hint !== undefined, String(error));
    for (const problem of problems) assert.match(error.message, problem);
    return true;
  });

describe("a file of objects", () => {
  test("is a YAML document each, with sizes in either kind of unit, and defaults where it says nothing", () => {
    const specs = parse(`
--- { kind: volume, name: notes, size: 20GiB }
---
# Nothing but a remark is no document.
---
kind: vm
name: web
memory: 4GB
disks: [{ size: 1073741824 }]
`);
    const [volume, vm] = specs;
    assert.equal(specs.length, 2);
    assert.deepEqual(volume, { kind: "volume", name: "notes", size: 20 * 2 ** 30, sharing: false });
    assert.ok(vm?.kind === "vm");
    // How many CPUs it gets where nothing is said is the cluster's to choose.
    assert.deepEqual([vm.memory, vm.cpu, vm.firmware, vm.ha], [4e9, undefined, "BIOS", true]);
    assert.deepEqual(vm.disks, [{ size: 2 ** 30, bus: "VIRTIO" }]);
  });

  test("that is wrong is told with every document's number, line, kind, name and field, and what to write", () => {
    refusedWith(
      () =>
        parse(`
kind: volume
name: good
size: 1GiB
---
kind: vm
name: web
memory: much
disks:
  - { size: 1GiB, volume: other }
  - { sze: 1GiB }
nics: [{ macAddress: 1 }]
---
kind: disk
---
name: x
---
kind: lun
name: db
`),
      /^What is in a\.yaml is not right:\n/,
      /^ {2}document 2 \(line 6, vm “web”\): memory: a size such as 20GiB .* or 20GB/m,
      /^ {2}document 2 .*: disks\.0: give one of `size` .*, `volume` .* and `cdRom`/m,
      /^ {2}document 2 .*: disks\.1\.sze: unknown; “size” is what is known here$/m,
      /^ {2}document 2 .*: nics\.0\.macAddress: /m,
      /^ {2}document 3 \(line 14\): kind: unknown, “disk”: one of pool, switch, nfs-export, volume, lun, nfs-file, vm$/m,
      /^ {2}document 4 \(line 16\): kind: missing: one of pool, /m,
      /^ {2}document 5 \(line 18, lun “db”\): size: missing \(a size such as 20GiB/m,
    );
  });

  test("says in plain words what may stand where", () => {
    refusedWith(
      () => parse("{ kind: vm, name: web, memory: 1GiB, vcpu: two, firmware: x, cpus: 4, nics: [{ vlan: 5000 }] }"),
      /: vcpu: it must be a number, and is a text$/m,
      /: firmware: it must be one of BIOS, UEFI$/m,
      /: cpus: unknown; “vcpu” is what is known here$/m,
      /: nics\.0\.vlan: at most 4094$/m,
    );
    refusedWith(() => parse("{ kind: lun, name: '', size: 1GiB }"), /: name: at least 1 characters?$/m);
    refusedWith(
      () => parse("- { kind: lun, name: a, size: 1GiB }"),
      /^ {2}document 1 \(line 1\): it is a list; .*---$/m,
    );
    refusedWith(() => parse("lun"), /^ {2}document 1 \(line 1\): it has no fields; /m);
  });

  test("takes firmware, bus and model in either case, and IP addresses alone for such", () => {
    const [vm] = parse(
      "{ kind: vm, name: web, memory: 1GiB, firmware: uefi, disks: [{ size: 1GiB, bus: scsi }], nics: [{ model: e1000, ipAddress: 192.0.2.1 }] }",
    );
    assert.ok(vm.kind === "vm");
    assert.deepEqual([vm.firmware, vm.disks[0]?.bus, vm.nics[0]?.model], ["UEFI", "SCSI", "E1000"]);
    for (const nic of ["ipAddress: 1.2.3", "gateway: x", "subnetMask: 255"]) {
      refusedWith(() => parse(`{ kind: vm, name: web, memory: 1GiB, nics: [{ ${nic} }] }`), /nics\.0\.\w+: an? \w/);
    }
  });

  test("is read whole or not at all: one slip is an error, whatever the others are", () => {
    refusedWith(() => parse("--- { kind: pool, name: p }\n--- { kind: pool, nam: q }\n"), /document 2 .*name: missing/);
  });

  test("with paths that lead out of an export, or to none, is refused", () => {
    for (const name of ["/exports/e1", "/exports/e1/../e2/x", "vm/web.vmdk"]) {
      refusedWith(() => parse(`{ kind: nfs-file, name: ${name}, size: 1MiB }`), /document 1 .*: name: /);
    }
  });

  test("that is no YAML is told with the line, and one that has nothing with the kinds that there are", () => {
    refusedWith(() => parse("kind: vm\nname: [a\n"), /line \d/);
    refusedWith(() => parse("kind: *nothing\n"), /nothing/);
    assert.throws(() => parse("# nothing\n---\n"), { code: "BAD_REQUEST", hint: /pool, switch, .*docs\/objects\.md/ });
  });

  test("that has very many mistakes is told with the first of them", () => {
    refusedWith(() => parse("--- { kind: pool }\n".repeat(30)), /\n {2}document 20 .*\n {2}and 10 more$/);
  });
});

describe("a file with a change", () => {
  const read = (text: string) => readChangeFile("-", { readInput: async () => text });

  test("holds what changes, and nothing that was not said", async () => {
    assert.deepEqual(await read("memory: 8GiB\nnics: [{ switch: prod, vlan: 100 }]\n"), {
      memory: 8 * 2 ** 30,
      nics: [{ model: "VIRTIO", switch: "prod", vlan: 100, enabled: true }],
    });
  });

  test("is one document, and what is unknown in it is told", async () => {
    await assert.rejects(read("name: a\n---\nname: b\n"), { code: "BAD_REQUEST", message: /one document.*has 2/ });
    await assert.rejects(read(""), { code: "BAD_REQUEST", message: /one document.*has 1/ });
    await assert.rejects(read("memry: 8GiB\n"), { code: "BAD_REQUEST", message: /memry: unknown; “memory”/ });
  });
});
