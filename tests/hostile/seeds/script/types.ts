abstract class A<in out T> extends B.c<T> implements D, E {
  static #x?: number = 1_000n as unknown as never;
  @dec() private readonly y!: keyof typeof z;
  constructor(public a: string, ...rest: T[]) { super(); label: for (const x of rest) { continue label; } }
  get [Symbol.iterator]() { return function* () { yield* this.#x ?? 0; }; }
}
type M<T> = { readonly [K in keyof T as `get${Capitalize<K & string>}`]?: T[K] extends (infer U)[] ? U : never };
enum Color { Red = 1 << 2, Green = `g`.length }
declare module "x" { export = y; }
namespace N.M { export const a = <T,>(x: T): x is T => x satisfies T; }
try { throw new Error(/a+(?<n>b)\k<n>/giu.source); } catch { } finally { debugger; }
