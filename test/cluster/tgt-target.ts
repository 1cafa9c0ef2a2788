export interface TgtTargetOptions {
  /** iqn… */
  readonly name: string;
  /** How much goes into one PDU: 8 KiB, which is tgtd's own default, or 256 KiB (`large`). */
  readonly pdus?: "small" | "large";
  /** Who may log in; everybody unless told otherwise. Open sessions live on when it is changed. */
  readonly initiators?: readonly string[];
  readonly chap?: TgtChap;
}

export interface TgtChap {
  readonly user: string;
  readonly secret: string;
}

/** One login of an initiator; tgtd knows one connection of each. */
export interface TgtConnection {
  readonly sid: number;
  readonly cid: number;
  readonly initiator: string;
  readonly address: string;
}

const largePdus: Readonly<Record<string, string>> = {
  MaxRecvDataSegmentLength: "262144",
  MaxXmitDataSegmentLength: "262144",
  FirstBurstLength: "262144",
  MaxBurstLength: "1048576",
  InitialR2T: "No",
  ImmediateData: "Yes",
};

/** Runs tgtadm. @returns what it printed @throws with what it said */
export type TgtAdmin = (...parameters: readonly string[]) => Promise<string>;

/** One target of a tgtd. LUN 0 is tgtd's own and no disk. */
export class TgtTarget {
  readonly name: string;
  readonly #run: TgtAdmin;
  readonly #tid: number;

  private constructor(run: TgtAdmin, tid: number, name: string) {
    this.#run = run;
    this.#tid = tid;
    this.name = name;
  }

  /** For `Tgt.createTarget`. @param tid of the tgtd's targets this one's own */
  static async create(run: TgtAdmin, tid: number, options: TgtTargetOptions): Promise<TgtTarget> {
    const { name, pdus = "large", initiators, chap } = options;
    const target = new TgtTarget(run, tid, name);
    await target.#admin("new", "target", "--targetname", name);
    if (pdus === "large") await target.set(largePdus);
    if (chap !== undefined) await target.demandChap(chap);
    if (initiators === undefined) await target.admitAll();
    for (const initiator of initiators ?? []) await target.admit(initiator);
    return target;
  }

  /**
   * @param file what it holds, sparse; UNMAP makes holes in it. A file that grows is seen when the
   *   LUN is made again.
   */
  async addLun(lunId: number, file: string, { blockBytes = 512, isReadOnly = false } = {}): Promise<void> {
    const backing = ["--bstype", "rdwr", "--backing-store", file, "--blocksize", `${blockBytes}`];
    await this.#admin("new", "logicalunit", "--lun", `${lunId}`, ...backing);
    await this.setLun(lunId, { thin_provisioning: "1", ...(isReadOnly && { readonly: "1" }) });
  }

  /** Open sessions are told 05/2500 from then on. */
  async removeLun(lunId: number): Promise<void> {
    await this.#admin("delete", "logicalunit", "--lun", `${lunId}`);
  }

  /** @param parameters as tgtadm(8) lists them: vendor_id, readonly, online … */
  async setLun(lunId: number, parameters: Readonly<Record<string, string>>): Promise<void> {
    const params = Object.entries(parameters).map(([name, value]) => `${name}=${value}`);
    await this.#admin("update", "logicalunit", "--lun", `${lunId}`, "--params", params.join(","));
  }

  /** @param parameters the keys of RFC 7143: MaxBurstLength, InitialR2T …; of logins to come */
  async set(parameters: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(parameters)) {
      await this.#admin("update", "target", "--name", name, "--value", value);
    }
  }

  /**
   * Sends whoever logs in to another portal, whose address must be another than the client's own.
   */
  async redirect(to: { readonly host: string; readonly port: number }, reason = "Temporary"): Promise<void> {
    await this.set({ RedirectAddress: to.host, RedirectPort: `${to.port}`, RedirectReason: reason });
  }

  async admit(initiator: string): Promise<void> {
    await this.#admin("bind", "target", "--initiator-name", initiator);
  }

  async dismiss(initiator: string): Promise<void> {
    await this.#admin("unbind", "target", "--initiator-name", initiator);
  }

  async admitAll(): Promise<void> {
    await this.#admin("bind", "target", "--initiator-address", "ALL");
  }

  async dismissAll(): Promise<void> {
    await this.#admin("unbind", "target", "--initiator-address", "ALL");
  }

  async forgoChap(user: string): Promise<void> {
    await this.#admin("unbind", "account", "--user", user);
  }

  /** An account is the tgtd's, not the target's: a user has the secret that he had first. */
  async demandChap({ user, secret }: TgtChap): Promise<void> {
    const account = ["--mode", "account", "--user", user, "--password", secret];
    await this.#run("--op", "new", ...account).catch(unlessThere);
    await this.#admin("bind", "account", "--user", user).catch(unlessThere);
  }

  async connections(): Promise<readonly TgtConnection[]> {
    const listed = await this.#admin("show", "conn");
    const pattern = /Session: (\d+)\s+Connection: (\d+)\s+Initiator: (\S+)\s+IP Address: (\S+)/g;
    return [...listed.matchAll(pattern)].map(([, sid, cid, initiator = "", address = ""]) => ({
      sid: Number(sid),
      cid: Number(cid),
      initiator,
      address,
    }));
  }

  async endConnection({ sid, cid }: TgtConnection): Promise<void> {
    await this.#admin("delete", "conn", "--sid", `${sid}`, "--cid", `${cid}`);
  }

  /** Removes it with its LUNs, whoever has a session with it. */
  async remove(): Promise<void> {
    await this.#admin("delete", "target", "--force");
  }

  async #admin(operation: string, mode: string, ...parameters: readonly string[]): Promise<string> {
    return this.#run("--op", operation, "--mode", mode, "--tid", `${this.#tid}`, ...parameters);
  }
}

const unlessThere = (error: unknown): void => {
  if (!String(error).includes("exists")) throw error;
};
