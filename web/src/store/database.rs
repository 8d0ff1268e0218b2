//! The browser's database: a store of sets, a store of examples by set and id, and a store of what was taken over from
//! earlier versions of the page. Every change is one transaction, so that no tab sees half of it.

use js_sys::{Array, JSON, Promise};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, Event, IdbDatabase, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction,
    IdbTransactionMode,
};

use super::record::{About, SetRecord, VERSION, load_example, save_example, writing};
use crate::browser::{self, window};
use crate::document::change::Change;
use crate::document::{Class, Document, Example, Id};

/// Name of the database.
const NAME: &str = "learner";
/// Version of its stores. A page that finds a later one keeps its hands off.
const SCHEMA: u32 = 1;
const SETS: &str = "sets";
const EXAMPLES: &str = "examples";
const TAKEN: &str = "taken";

/// Why nothing can be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The browser gives this page no database.
    Blocked(String),
    /// There is no room left.
    Full,
    /// A newer version of the page has written there.
    Newer,
    /// The set is not there any more.
    Gone,
    /// The connection is gone, or anything else.
    Failed(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Blocked(words) => {
                write!(
                    f,
                    "this browser stores nothing for this page, as in a private window or with cookies off ({words})"
                )
            }
            Trouble::Full => f.write_str("the browser's storage is full"),
            Trouble::Newer => f.write_str("a newer version of this page uses the storage; reload this one"),
            Trouble::Gone => f.write_str("the set was deleted"),
            Trouble::Failed(words) => write!(f, "the browser's storage failed ({words})"),
        }
    }
}

impl From<JsValue> for Trouble {
    fn from(error: JsValue) -> Trouble {
        let name = error.dyn_ref::<DomException>().map(DomException::name).unwrap_or_default();
        let words = error.dyn_ref::<DomException>().map(DomException::message);
        let words = words.filter(|words| !words.is_empty()).unwrap_or_else(|| browser::words(error));
        match name.as_str() {
            "QuotaExceededError" => Trouble::Full,
            "VersionError" => Trouble::Newer,
            "SecurityError" | "InvalidAccessError" => Trouble::Blocked(words),
            _ => Trouble::Failed(words),
        }
    }
}

/// What the database says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another tab with another version of the page has to be closed first.
    Waiting,
    /// A newer version of the page wants to change it: this connection is closed.
    Replaced,
    /// The browser has closed it, as when a visitor clears what sites have stored.
    Closed,
}

/// A set in the list.
pub struct Listed {
    /// Its key.
    pub id: Id,
    /// Its record, or its text and why it can't be read.
    pub record: Result<SetRecord, (String, String)>,
    /// Number of its examples.
    pub count: usize,
}

/// A set with its examples.
pub struct Loaded {
    /// Its record.
    pub record: SetRecord,
    /// Its classes and examples.
    pub document: Document,
    /// Texts of examples that can't be read, and why not.
    pub unreadable: Vec<(String, String)>,
}

/// A connection. Copies share it.
#[derive(Clone)]
pub struct Database(IdbDatabase);

impl Database {
    /// Opens the database, and makes it where there is none.
    pub async fn open(heed: impl Fn(Notice) + Clone + 'static) -> Result<Database, Trouble> {
        let request = factory()?.open_with_u32(NAME, SCHEMA)?;
        request.set_onupgradeneeded(Some(
            Closure::once_into_js(|event: Event| {
                let request = event.target().map(JsCast::unchecked_into::<IdbOpenDbRequest>);
                let made = request.and_then(|request| request.result().ok()).map(JsCast::unchecked_into::<IdbDatabase>);
                for store in [SETS, EXAMPLES, TAKEN] {
                    // Where this fails the opening fails with it.
                    let _ = made.as_ref().map(|database| database.create_object_store(store));
                }
            })
            .unchecked_ref(),
        ));
        let waits = heed.clone();
        request.set_onblocked(Some(Closure::once_into_js(move || waits(Notice::Waiting)).unchecked_ref()));
        let database: IdbDatabase = done(&request).await?.unchecked_into();
        let (closing, closed) = (database.clone(), heed.clone());
        let replaced = Closure::once_into_js(move || {
            closing.close();
            heed(Notice::Replaced);
        });
        database.set_onversionchange(Some(replaced.unchecked_ref()));
        database.set_onclose(Some(Closure::once_into_js(move || closed(Notice::Closed)).unchecked_ref()));
        Ok(Database(database))
    }

    fn begin(&self, stores: &[&str], mode: IdbTransactionMode) -> Result<IdbTransaction, Trouble> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        Ok(self.0.transaction_with_str_sequence_and_mode(&names, mode)?)
    }

    /// All sets.
    pub async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let transaction = self.begin(&[SETS, EXAMPLES], IdbTransactionMode::Readonly)?;
        let (sets, examples) = (transaction.object_store(SETS)?, transaction.object_store(EXAMPLES)?);
        let mut all = Vec::new();
        for (key, text) in pairs(&sets, None).await? {
            let Some(id) = key.as_f64() else { continue };
            let id = id as Id;
            let count = done(&examples.count_with_key(&range(id)?)?).await?.as_f64().unwrap_or_default() as usize;
            let record = SetRecord::load(&text).map_err(|why| (text, why));
            all.push(Listed { id, record, count });
        }
        Ok(all)
    }

    /// A set, if it has another revision than the one that is known; `known` are examples that are here already.
    pub async fn load(&self, set: Id, revision: u64, known: &Document) -> Result<Option<Loaded>, Trouble> {
        let transaction = self.begin(&[SETS, EXAMPLES], IdbTransactionMode::Readonly)?;
        let record = record(&transaction.object_store(SETS)?, set).await?.ok_or(Trouble::Gone)?;
        if record.revision == revision {
            return Ok(None);
        }
        let texts = pairs(&transaction.object_store(EXAMPLES)?, Some(&range(set)?)).await?;
        let mut document = Document { classes: record.classes.clone(), examples: Vec::new(), ..Document::default() };
        let mut known: Vec<&Example> = known.examples.iter().collect();
        known.sort_unstable_by_key(|example| example.id);
        let mut unreadable = Vec::new();
        for (key, text) in texts {
            let id = id_of(&key);
            let found = known.binary_search_by_key(&id, |example| example.id).ok().map(|at| known[at]);
            match load_example(id, &text, found) {
                Ok(example) if document.classes.iter().any(|class| class.label == example.label) => {
                    document.examples.push(example);
                }
                Ok(example) => unreadable.push((text, format!("label {} has no class", example.label))),
                Err(why) => unreadable.push((text, why)),
            }
        }
        document.sort();
        Ok(Some(Loaded { record, document, unreadable }))
    }

    /// Calls with a transaction that changes sets and examples. All of it is kept, or nothing.
    async fn change<T>(
        &self,
        stores: &[&str],
        call: impl AsyncFnOnce(&IdbTransaction) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let transaction = self.begin(stores, IdbTransactionMode::Readwrite)?;
        let finished = finished(&transaction);
        match call(&transaction).await {
            Ok(result) => finished.await.map(|()| result),
            Err(trouble) => {
                // It fails where the browser has ended it already.
                let _ = transaction.abort();
                Err(trouble)
            }
        }
    }

    /// Makes a change of a set, in one transaction with a look at what the set holds by now. `known` is its revision as it
    /// was last seen, 0 for a new set, which begins with the classes `fresh`. Gives its new revision.
    pub async fn commit(
        &self,
        set: Id,
        known: u64,
        about: (&About, &About),
        fresh: &[Class],
        change: &Change,
    ) -> Result<u64, Trouble> {
        let write = async |transaction: &IdbTransaction| {
            let (sets, examples) = (transaction.object_store(SETS)?, transaction.object_store(EXAMPLES)?);
            let mut record = match record(&sets, set).await? {
                Some(record) => record,
                None if known > 0 => return Err(Trouble::Gone),
                None => SetRecord {
                    version: VERSION,
                    revision: 0,
                    changed: 0.0,
                    about: about.1.clone(),
                    classes: fresh.to_vec(),
                },
            };
            let stored = match change.classes.is_empty() {
                true => None,
                false => Some(readable(pairs(&examples, Some(&range(set)?)).await?)),
            };
            let writing = writing(change, std::mem::take(&mut record.classes), stored);
            record.classes = writing.classes;
            record.about.merge(about.0, about.1);
            record.revision += 1;
            record.changed = js_sys::Date::now();
            sets.put_with_key(&record.save().into(), &number(set))?;
            for example in &writing.put {
                examples.put_with_key(&save_example(example).into(), &key(set, example.id))?;
            }
            for id in &writing.drop {
                examples.delete(&key(set, *id))?;
            }
            Ok(record.revision)
        };
        self.change(&[SETS, EXAMPLES], write).await
    }

    /// Takes a set over from an earlier version of the page, once: `source` names the text that it came from.
    pub async fn take_over(&self, source: &str, set: Id, about: &About, document: &Document) -> Result<(), Trouble> {
        let write = async |transaction: &IdbTransaction| {
            let taken = transaction.object_store(TAKEN)?;
            if !done(&taken.get(&source.into())?).await?.is_undefined() {
                return Ok(());
            }
            let (sets, examples) = (transaction.object_store(SETS)?, transaction.object_store(EXAMPLES)?);
            let record = SetRecord {
                version: VERSION,
                revision: 1,
                changed: js_sys::Date::now(),
                about: about.clone(),
                classes: document.classes.clone(),
            };
            taken.put_with_key(&number(set), &source.into())?;
            sets.put_with_key(&record.save().into(), &number(set))?;
            for example in &document.examples {
                examples.put_with_key(&save_example(example).into(), &key(set, example.id))?;
            }
            Ok::<(), Trouble>(())
        };
        self.change(&[SETS, EXAMPLES, TAKEN], write).await
    }

    /// Removes a set for good.
    pub async fn remove(&self, set: Id) -> Result<(), Trouble> {
        let write = async |transaction: &IdbTransaction| {
            transaction.object_store(EXAMPLES)?.delete(&range(set)?)?;
            transaction.object_store(SETS)?.delete(&number(set))?;
            Ok::<(), Trouble>(())
        };
        self.change(&[SETS, EXAMPLES], write).await
    }
}

/// All that is in the database, whatever version it has, as text for a file.
pub async fn everything() -> Result<String, Trouble> {
    let request = factory()?.open(NAME)?;
    let database: IdbDatabase = done(&request).await?.unchecked_into();
    let names = database.object_store_names();
    let all = js_sys::Object::new();
    for name in (0..names.length()).filter_map(|at| names.get(at)) {
        let store = database.transaction_with_str(&name)?.object_store(&name)?;
        let (keys, values) = (store.get_all_keys()?, store.get_all()?);
        let (keys, values): (Array, Array) =
            (done(&keys).await?.unchecked_into(), done(&values).await?.unchecked_into());
        let entries: Array = keys.iter().zip(values.iter()).map(|(key, value)| Array::of2(&key, &value)).collect();
        js_sys::Reflect::set(&all, &name.into(), &entries)?;
    }
    database.close();
    Ok(JSON::stringify(&all)?.into())
}

fn factory() -> Result<web_sys::IdbFactory, Trouble> {
    let missing = || Trouble::Blocked("it has no database".to_owned());
    if browser::embedded() {
        return Err(missing());
    }
    let factory = window().indexed_db().map_err(|error| Trouble::Blocked(browser::words(error)))?;
    factory.ok_or_else(missing)
}

fn number(id: Id) -> JsValue {
    JsValue::from_f64(id as f64)
}

fn key(set: Id, example: Id) -> JsValue {
    Array::of2(&number(set), &number(example)).into()
}

fn id_of(key: &JsValue) -> Id {
    key.dyn_ref::<Array>().map_or(0, |key| key.get(1).as_f64().unwrap_or_default() as Id)
}

/// All keys of a set's examples: arrays are behind all numbers.
fn range(set: Id) -> Result<JsValue, Trouble> {
    Ok(IdbKeyRange::bound(&Array::of1(&number(set)), &Array::of2(&number(set), &Array::new()))?.into())
}

async fn record(sets: &IdbObjectStore, set: Id) -> Result<Option<SetRecord>, Trouble> {
    match done(&sets.get(&number(set))?).await?.as_string() {
        Some(text) => SetRecord::load(&text).map(Some).map_err(|_| Trouble::Newer),
        None => Ok(None),
    }
}

/// Keys and texts of a store, or of a range of its keys.
async fn pairs(store: &IdbObjectStore, range: Option<&JsValue>) -> Result<Vec<(JsValue, String)>, Trouble> {
    let (keys, values) = match range {
        Some(range) => (store.get_all_keys_with_key(range)?, store.get_all_with_key(range)?),
        None => (store.get_all_keys()?, store.get_all()?),
    };
    let keys: Array = done(&keys).await?.unchecked_into();
    let values: Array = done(&values).await?.unchecked_into();
    let text = |value: JsValue| value.as_string().or_else(|| Some(JSON::stringify(&value).ok()?.into()));
    Ok(keys.iter().zip(values.iter()).map(|(key, value)| (key, text(value).unwrap_or_default())).collect())
}

fn readable(texts: Vec<(JsValue, String)>) -> Vec<Example> {
    texts.iter().filter_map(|(key, text)| load_example(id_of(key), text, None).ok()).collect()
}

/// What a request comes to.
async fn done(request: &IdbRequest) -> Result<JsValue, Trouble> {
    let answered = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    match JsFuture::from(answered).await {
        Ok(_) => Ok(request.result()?),
        Err(_) => {
            Err(request.error()?.map_or(Trouble::Failed("no reason".to_owned()), |error| JsValue::from(error).into()))
        }
    }
}

/// Comes when all of a transaction is kept, or with the reason why nothing of it is.
fn finished(transaction: &IdbTransaction) -> impl Future<Output = Result<(), Trouble>> + use<> {
    let transaction = transaction.clone();
    // Its end must not be missed, nor stay without an ear.
    let ended = JsFuture::from(Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    }));
    async move {
        match ended.await {
            Ok(_) => Ok(()),
            Err(_) => Err(transaction
                .error()
                .map_or(Trouble::Failed("it was broken off".to_owned()), |error| JsValue::from(error).into())),
        }
    }
}
