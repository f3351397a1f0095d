// Loaded before fhir-provider.cjs: what it loads was written yesterday, as its comments want it. The repository stamps its own time
// over the one that is given, and what has just been written lies within the overlap of every increment.
const Now = Date;
let day = 86_400_000;
globalThis.Date = class extends Now {
  constructor(...given) { given.length ? super(...given) : super(Now.now() - day); }
  static now() { return Now.now() - day; }
};
const say = console.log;
console.log = (...words) => { if (words[0] === 'listening') day = 0; say(...words); };
