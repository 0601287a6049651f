// How the page of the API looks: by the reader's own fonts and colours, on any width.

export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #d9dde3; --soft: #f5f6f8; --quiet: #5b6472;
  --good: #176b3a; --bad: #a1260d; --link: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --line: #343a44; --soft: #1c2027; --quiet: #a0a9b8; --good: #6fcf97; --bad: #ff9b85;
    --link: #8ab4f8 }
  body { background: #14171c; color: #e6e9ee }
}
* { box-sizing: border-box }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere }
main { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 4rem }
h1 small, .origin, .content { color: var(--quiet); font-weight: normal }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); text-transform: capitalize }
h3 { margin: 0 0 .5rem; font-size: 1rem }
h4 { margin: 1rem 0 .25rem; font-size: .8rem; color: var(--quiet) }
article { margin: 1rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem }
article:target { border-color: var(--link) }
p { margin: .25rem 0 }
a { color: var(--link) }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { padding: .5rem; background: var(--soft); border-radius: .25rem; white-space: pre-wrap }
.method { display: inline-block; padding: .1rem .5rem; margin-right: .5rem; border-radius: .25rem;
  background: var(--soft); font-size: .8rem }
.post { color: var(--good) }
.get { color: var(--link) }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .4rem 1rem; margin: 0 }
dt { font-weight: 600 }
dt.good { color: var(--good) }
dt.bad { color: var(--bad) }
dd { margin: 0 }
.content { font-size: .875rem }
@media (max-width: 32rem) {
  dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin: 0 0 .6rem }
  .origin { display: none }
}
`
