//! From text to data.

use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::sync::Arc;

use tracegc::Trace;

use crate::interp::{Interp, Outcome};
use crate::numbers::parse_number;
use crate::value::{Fault, Value};

/// How deep data may be nested in text.
const MAX_NESTING: usize = 10_000;

/// Line and column, both from 1.
pub(crate) type Position = (u32, u32);

/// A position in a file, as error messages name it.
#[derive(Clone, Trace)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.position.0, self.position.1)
    }
}

/// Where the lists of a form were read, by the address of the first pair. Good for as long as the form is.
pub(crate) type Positions = HashMap<usize, Position>;

/// Text, character by character.
pub(crate) struct CharStream {
    source: Box<dyn BufRead + Send>,
    line: Vec<char>,
    next: usize,
    place: Place,
}

impl CharStream {
    pub(crate) fn new(file: &str, source: impl BufRead + Send + 'static) -> CharStream {
        let place = Place { file: file.into(), position: (0, 1) };
        CharStream { source: Box::new(source), line: Vec::new(), next: 0, place }
    }

    pub(crate) fn peek(&mut self) -> Result<Option<char>, Fault> {
        if self.next == self.line.len() {
            let mut line = String::new();
            self.place.position = (self.place.position.0 + 1, 1);
            let result = self.source.read_line(&mut line);
            result.map_err(|error| Fault::new(error.to_string()).at(&self.place))?;
            (self.line, self.next) = (line.chars().collect(), 0);
        }
        Ok(self.line.get(self.next).copied())
    }

    pub(crate) fn next(&mut self) -> Result<Option<char>, Fault> {
        let next = self.peek()?;
        self.next += usize::from(next.is_some());
        self.place.position.1 += 1;
        Ok(next)
    }
}

/// Reads a datum, and says where it and the lists in it start; `None` at the end of the text.
pub(crate) fn read(interp: &mut Interp, stream: &mut CharStream) -> Result<Option<(Value, Place, Positions)>, Fault> {
    let (positions, nesting) = (Positions::new(), 0);
    let mut reader = Reader { interp, stream, positions, nesting };
    let datum = reader.datum()?;
    Ok(datum.map(|(datum, place)| (datum, place, reader.positions)))
}

struct Reader<'a> {
    interp: &'a mut Interp,
    stream: &'a mut CharStream,
    positions: Positions,
    nesting: usize,
}

impl Reader<'_> {
    fn datum(&mut self) -> Result<Option<(Value, Place)>, Fault> {
        self.skip_space()?;
        let start = self.stream.place.clone();
        let Some(first) = self.stream.next()? else {
            return Ok(None);
        };
        let datum = match (first, self.stream.peek()?) {
            ('(', _) => self.list(&start)?,
            (')', _) => return Err(Fault::new("unexpected )").at(&start)),
            ('\'', _) => self.prefixed("quote", &start)?,
            ('`', _) => self.prefixed("quasiquote", &start)?,
            (',', Some('@')) => {
                self.stream.next()?;
                self.prefixed("unquote-splicing", &start)?
            }
            (',', _) => self.prefixed("unquote", &start)?,
            ('"', _) => self.string(&start)?,
            ('#', Some('(')) => {
                self.stream.next()?;
                let items = self.list(&start)?.list_items();
                Value::vector(items.ok_or_else(|| Fault::new("a dot in a vector").at(&start))?)
            }
            _ => self.atom(first).map_err(|fault| fault.at(&start))?,
        };
        if let Value::Pair(_) = datum {
            self.positions.insert(datum.address(), start.position);
        }
        Ok(Some((datum, start)))
    }

    /// The next datum, within one that starts at `start`.
    fn required(&mut self, start: &Place) -> Outcome {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Fault::new("data is nested too deeply").at(start));
        }
        let datum = self.datum()?;
        self.nesting -= 1;
        datum.map(|(datum, _)| datum).ok_or_else(|| Fault::Incomplete(start.clone()))
    }

    fn prefixed(&mut self, name: &str, start: &Place) -> Outcome {
        let datum = self.required(start)?;
        Ok(Value::list([Value::Symbol(self.interp.symbol(name)), datum]))
    }

    /// The rest of a list, after its parenthesis.
    fn list(&mut self, start: &Place) -> Outcome {
        let (mut items, mut tail) = (Vec::new(), None);
        loop {
            self.skip_space()?;
            if self.stream.peek()? == Some(')') {
                self.stream.next()?;
                return Ok(Value::list_with_tail(items, tail.unwrap_or(Value::Nil)));
            }
            let datum = self.required(start)?;
            match (&tail, datum.is_symbol(".") && !items.is_empty()) {
                (None, true) => tail = Some(self.required(start)?),
                (None, false) => items.push(datum),
                (Some(_), _) => return Err(Fault::new("a datum too many after a dot").at(start)),
            }
        }
    }

    fn skip_space(&mut self) -> Result<(), Fault> {
        let mut in_comment = false;
        while let Some(next) = self.stream.peek()? {
            in_comment = (in_comment || next == ';') && next != '\n';
            if !in_comment && !next.is_whitespace() {
                break;
            }
            self.stream.next()?;
        }
        Ok(())
    }

    fn atom(&mut self, first: char) -> Outcome {
        let mut token = String::from(first);
        while let Some(next) = self.stream.peek()? {
            // The character after #\ belongs to it, whatever it is.
            if token != "#\\" && (next.is_whitespace() || "()\"';`,".contains(next)) {
                break;
            }
            token.push(next);
            self.stream.next()?;
        }
        let value = match (token.as_str(), token.strip_prefix("#\\")) {
            ("#t" | "#true", _) => Some(Value::Bool(true)),
            ("#f" | "#false", _) => Some(Value::Bool(false)),
            (_, Some(name)) => char_named(name).map(Value::Char),
            _ if token.starts_with('#') => None,
            _ => parse_number(&token).or_else(|| Some(Value::Symbol(self.interp.symbol(&token)))),
        };
        value.ok_or_else(|| Fault::new(format!("unknown syntax {token}")))
    }

    fn string(&mut self, start: &Place) -> Outcome {
        let mut text = Vec::new();
        loop {
            match self.stream.next()?.ok_or_else(|| Fault::Incomplete(start.clone()))? {
                '"' => return Ok(Value::text(text)),
                '\\' => text.push(match self.stream.next()?.ok_or_else(|| Fault::Incomplete(start.clone()))? {
                    'n' => '\n',
                    't' => '\t',
                    quoted => quoted,
                }),
                char => text.push(char),
            }
        }
    }
}

pub(crate) const CHAR_NAMES: [(&str, char); 6] =
    [("space", ' '), ("newline", '\n'), ("tab", '\t'), ("return", '\r'), ("null", '\0'), ("delete", '\u{7f}')];

fn char_named(name: &str) -> Option<char> {
    let mut chars = name.chars();
    match (chars.next()?, chars.as_str()) {
        (char, "") => Some(char),
        _ => CHAR_NAMES.iter().find(|(known, _)| *known == name).map(|(_, char)| *char),
    }
}
