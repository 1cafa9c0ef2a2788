import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import type { SmtxConfig } from "../../../gateway/storage/smtx-config.ts";
import type { VolumeHandle } from "../../../gateway/storage/volume-io.ts";
import { findTool } from "../../../infra/local/demo/tools.ts";
import type { FakeVm } from "../rest/entities/vms.ts";
import { FakeTower } from "../rest/tower.ts";
import { qemuImage } from "../stand-in/qemu.ts";
import { ClusterStandIn, type ClusterStandInOptions } from "../stand-in/stand-in.ts";

const run = promisify(execFile);

/** A real cluster's are a thousand times as long. */
export const extentBytes = 2 ** 18;
export const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };

export interface ClusterSiteOptions extends Pick<ClusterStandInOptions, "behaviour"> {
  /** Whether the gateway may use the nodes' command line; it may unless told otherwise. */
  readonly hasSsh?: boolean;
  /** How long its tasks may stand still. */
  readonly taskSeconds?: number;
}

/** A site's cluster, with an account and secrets for the site's gateways. */
export class ClusterSite {
  readonly standIn: ClusterStandIn;
  readonly config: SmtxConfig;
  /** What nobody may read in anything that is written or told. */
  readonly secrets: readonly string[];
  readonly #dir: string;

  private constructor(standIn: ClusterStandIn, config: SmtxConfig, secrets: readonly string[], dir: string) {
    this.standIn = standIn;
    this.config = config;
    this.secrets = secrets;
    this.#dir = dir;
  }

  static async open({ hasSsh = true, taskSeconds = 50, ...more }: ClusterSiteOptions = {}): Promise<ClusterSite> {
    const dir = await mkdtemp(join(tmpdir(), "cluster-site-"));
    const tower = await FakeTower.start({ isSecure: true });
    const standIn = await ClusterStandIn.open({ tower, extentBytes, nodes: { sharesReservations: true }, ...more });
    const chap = { user: "gateway", secret: randomBytes(7).toString("hex") };
    const kept = async (name: string, text: string): Promise<string> => {
      const file = join(dir, name);
      await writeFile(file, text, { mode: 0o600 });
      return file;
    };
    const { portal, cluster } = standIn;
    const sshd = hasSsh ? await standIn.ssh() : undefined;
    const config: SmtxConfig = {
      kind: "smtx",
      cluster: cluster.name,
      tower: {
        ...{ url: tower.url, user: tower.user, source: "local", taskSeconds },
        passwordFile: await kept("password", tower.password),
        ca: await kept("ca.pem", tower.ca ?? assert.fail("it has no certificate")),
      },
      iscsi: {
        portals: [`${portal.host}:${portal.port}`],
        chap: { user: chap.user, secretFile: await kept("chap", chap.secret) },
      },
      ...(sshd !== undefined && {
        ssh: {
          ...{ hosts: [`${sshd.host}:${sshd.port}`], user: sshd.user },
          ...{ keyFile: sshd.keyFile, knownHostsFile: sshd.knownHostsFile },
        },
      }),
      extentBytes,
    };
    return new ClusterSite(standIn, config, [tower.password, chap.secret], dir);
  }

  /** As its customer reads and writes it. */
  openLun(name: string): VolumeHandle {
    return this.standIn.customer.openVolume(this.lunId(name));
  }

  /** Of a VM's disks in their order, as its host reads them. */
  diskSums(vmName: string): readonly string[] {
    return this.#disks(vmName).map((id) => this.#sumOf(id));
  }

  /** Of a file, by its path from the export on. */
  fileSum(path: string): string {
    return this.#sumOf(this.#file(path));
  }

  /** As who has mounted its export writes: what nobody has written before, into whole extents. */
  async writeFile(path: string, extents: readonly number[]): Promise<void> {
    await this.#write(this.#file(path), extents);
  }

  /** Of a virtual volume, as a VM that has it reads it. */
  volumeSum(name: string): string {
    return this.#sumOf(this.#volumeId(name));
  }

  /** As a VM writes it: what nobody has written before, into whole extents. */
  async writeVolume(name: string, extents: readonly number[]): Promise<void> {
    await this.#write(this.#volumeId(name), extents);
  }

  vm(name: string): FakeVm {
    return this.standIn.tower.model.vms.all().find((vm) => vm.name === name) ?? assert.fail(`there is no VM ${name}`);
  }

  #volumeId(name: string): string {
    const volume = this.standIn.tower.model.vmVolumes.all().find((one) => one.name === name);
    return volume?.id ?? assert.fail(`there is no volume ${name}`);
  }

  #sumOf(id: string): string {
    const { path } = this.standIn.customer.zbsVolume(id);
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  }

  async #write(id: string, extents: readonly number[]): Promise<void> {
    const volume = this.standIn.customer.openVolume(id);
    for (const extent of extents) await volume.write(extent * extentBytes, randomBytes(extentBytes));
    await volume.close();
  }

  /** As the VM writes: what nobody has written before, into whole extents of a disk. */
  async writeDisk(vmName: string, position: number, extents: readonly number[]): Promise<void> {
    await this.#write(this.#disks(vmName)[position] ?? assert.fail(vmName), extents);
  }

  #file(path: string): string {
    const inodes = this.standIn.tower.model.nfsInodes.all();
    return inodes.find((inode) => inode.file && inode.path === path)?.id ?? assert.fail(`there is no ${path}`);
  }

  #disks(vmName: string): readonly string[] {
    return this.vm(vmName).vm_disks.map(({ vm_volume: volume }) => volume?.id ?? "");
  }

  /** CloudTower's id of a LUN of the customer's. */
  lunId(name: string): string {
    const luns = this.standIn.tower.model.luns.all();
    const found = luns.find((lun) => lun.name === name && !lun.iscsi_target.internal);
    return found?.id ?? assert.fail(`there is no ${name} but ${luns.map((lun) => lun.name)}`);
  }

  /** Of a LUN as qemu reads it over iSCSI. */
  async sha256(name: string): Promise<string> {
    const tool = (await findTool("qemu-img")) ?? assert.fail("qemu-img is missing here; install qemu-utils");
    const image = join(this.#dir, "read.img");
    await run(tool, ["convert", "-O", "raw", qemuImage(this.standIn, this.lunId(name)), image]);
    const hash = createHash("sha256");
    await pipeline(createReadStream(image), hash);
    return hash.digest("hex");
  }

  async close(): Promise<void> {
    await this.standIn.close();
    await this.standIn.tower.stop();
    await rm(this.#dir, { recursive: true, force: true });
    assert.deepEqual(this.standIn.tower.breaches, []);
  }
}
