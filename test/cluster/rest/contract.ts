import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { Ajv2020, type FuncKeywordDefinition, type ValidateFunction } from "ajv/dist/2020.js";
import { cachedCloudTowerSdk } from "../../../infra/cloud-tower-sdk/program.ts";

/** JSON Schema as infra/cloud-tower-sdk/contract.py writes it. */
export interface ContractSchema {
  /** The name of the model that it is. */
  readonly model?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly (string | null)[];
  readonly items?: ContractSchema;
  readonly properties?: Readonly<Record<string, ContractSchema>>;
  readonly required?: readonly string[];
  readonly orNull?: boolean;
}

export interface ContractOperation {
  readonly method: "GET" | "POST";
  readonly body: ContractSchema;
  readonly answer: ContractSchema;
}

/** What CloudTower's operations take and give. */
export class Contract {
  readonly #operations: Readonly<Record<string, ContractOperation>>;
  readonly #models: Readonly<Record<string, ContractSchema>>;
  readonly #ajv = new Ajv2020({ strict: false, validateSchema: false });
  readonly #validators = new Map<ContractSchema, ValidateFunction>();

  static #read: Contract | undefined;

  /** The one of the project's cache, read once. */
  static read(): Contract {
    const { contract } = cachedCloudTowerSdk;
    assert(existsSync(contract), `${contract} is missing; run: npm run cloud-tower-sdk:install`);
    Contract.#read ??= new Contract(JSON.parse(readFileSync(contract, "utf8")));
    return Contract.#read;
  }

  private constructor(read: {
    readonly operations: Readonly<Record<string, ContractOperation>>;
    readonly models: Readonly<Record<string, ContractSchema>>;
  }) {
    this.#operations = read.operations;
    this.#models = read.models;
    const validate: NonNullable<FuncKeywordDefinition["validate"]> = (
      model: string,
      value: unknown,
      parent?: ContractSchema,
    ) => {
      if (value === null && parent?.orNull === true) return true;
      if (model.endsWith("WhereInput")) {
        const problem = this.#filterProblem(model, value);
        if (problem !== undefined) validate.errors = [{ message: problem }];
        return problem === undefined;
      }
      const validator = this.#validator(this.#model(model));
      const isValid = validator(value) === true;
      validate.errors = validator.errors ?? [];
      return isValid;
    };
    this.#ajv.addKeyword({ keyword: "model", schemaType: "string", validate, errors: true });
  }

  operation(path: string): ContractOperation | undefined {
    return this.#operations[path];
  }

  /** What is wrong with a value; undefined when it keeps to the schema. */
  problem(schema: ContractSchema, value: unknown): string | undefined {
    const validator = this.#validator(schema);
    if (validator(value) === true) return undefined;
    const texts = validator.errors?.map(({ instancePath = "", message = "", params }) => {
      return `${instancePath} ${message} ${params === undefined ? "" : JSON.stringify(params)}`.trim();
    });
    return texts?.join("; ") ?? "it does not keep to the contract";
  }

  /**
   * An answer by the contract, made of an entity and what it refers to: what the entity does not
   * have is null where that may be, else neutral.
   */
  answer(schema: ContractSchema, value: unknown): unknown {
    const { model, items, properties, type, orNull = Array.isArray(type) } = schema;
    if (orNull && (value === undefined || value === null)) return null;
    if (model !== undefined) return this.answer(this.#model(model), value);
    if (items !== undefined) return Array.isArray(value) ? value.map((item) => this.answer(items, item)) : [];
    if (properties !== undefined) return this.#object(properties, value);
    return value ?? neutral(schema);
  }

  /** A filter's fields are some of hundreds: only those that are there are looked at. */
  #filterProblem(model: string, value: unknown): string | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return `must be a ${model}`;
    for (const [name, given] of Object.entries(value)) {
      const schema = this.#model(model).properties?.[name];
      const problem = schema === undefined ? `is no field of ${model}` : this.problem(schema, given);
      if (problem !== undefined) return `${name}: ${problem}`;
    }
    return undefined;
  }

  #object(properties: Readonly<Record<string, ContractSchema>>, value: unknown): unknown {
    const fields = new Map<string, unknown>();
    for (const [name, schema] of Object.entries(properties)) {
      const given: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
      fields.set(name, this.answer(schema, given));
    }
    return Object.fromEntries(fields);
  }

  #model(name: string): ContractSchema {
    return this.#models[name] ?? assert.fail(`the contract has no ${name}`);
  }

  #validator(schema: ContractSchema): ValidateFunction {
    const known = this.#validators.get(schema) ?? this.#ajv.compile(schema);
    this.#validators.set(schema, known);
    return known;
  }
}

const neutral = (schema: ContractSchema): unknown => {
  if (schema.enum !== undefined) return schema.enum[0];
  switch (schema.type) {
    case "string":
      return "";
    case "boolean":
      return false;
    case "integer":
    case "number":
      return 0;
    default:
      return {};
  }
};
