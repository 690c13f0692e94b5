//! The conversations that share a model, each with its own keys and values. A prompt goes to the one that it continues; one
//! that branches off begins with a copy of what the two have in common.

use crate::context::Context;
use crate::model::Model;
use crate::model::kv_cache::KvCache;
use crate::{Error, Result};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// Positions of keys and values that conversations together may keep on the device; the one that is running may have more.
const BUDGET: usize = 8192;
/// A prompt continues a conversation if it differs only in what a template writes behind the last message to open the reply.
const OPENING: usize = 8;

/// All conversations that nobody is running.
#[derive(Debug)]
pub struct Conversations {
    model: Rc<Model>,
    /// Least recently used first.
    idle: RefCell<Vec<Conversation>>,
}

#[derive(Debug)]
struct Conversation {
    context: Context,
    /// The caller's name for it.
    key: Option<String>,
    /// Tokens of the last prompt.
    prompt: usize,
}

/// A conversation that is running; it is idle again once this is dropped.
#[derive(Debug)]
pub struct Lease<'c> {
    conversations: &'c Conversations,
    conversation: Option<Conversation>,
}

impl Conversations {
    /// One, empty. [`Error::OutOfMemory`] where the device has no memory for it.
    pub async fn new(model: &Rc<Model>) -> Result<Self> {
        let first = Conversation { context: Context::new(model).await?, key: None, prompt: 0 };
        Ok(Self { model: model.clone(), idle: RefCell::new(vec![first]) })
    }

    /// The model.
    pub fn model(&self) -> &Rc<Model> {
        &self.model
    }

    /// How many are idle.
    pub fn len(&self) -> usize {
        self.idle.borrow().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets go of all that are idle; whether there were any.
    pub fn forget(&self) -> bool {
        !self.idle.take().is_empty()
    }

    /// The conversation for a prompt: the one of the same `key`, else the one that it continues, else a copy of the beginning
    /// that it shares with another, or a new one.
    pub async fn lease(&self, prompt: &[u32], key: Option<&str>) -> Result<Lease<'_>> {
        let (mut conversation, common) = match self.nearest(prompt, key) {
            Some(nearest) => nearest,
            None => (self.fresh().await?, 0),
        };
        let continues = conversation.context.is_empty()
            || common + OPENING >= conversation.prompt.min(conversation.context.len())
            || key.is_some_and(|key| conversation.key.as_deref() == Some(key));
        if !continues && self.make_room(&conversation.context, prompt.len()) {
            match conversation.context.fork(common).await {
                Ok(context) => {
                    self.idle.borrow_mut().push(conversation);
                    conversation = Conversation { context, key: None, prompt: 0 };
                }
                Err(Error::OutOfMemory { .. }) => {} // then it is rolled back
                Err(error) => return Err(error),
            }
        }
        conversation.prompt = prompt.len();
        conversation.key = key.map(String::from);
        Ok(Lease { conversations: self, conversation: Some(conversation) })
    }

    /// Takes the one that shares most with `prompt`, and how much that is; of equals, and where all share nothing, the one that
    /// was used last, or else an empty one.
    fn nearest(&self, prompt: &[u32], key: Option<&str>) -> Option<(Conversation, usize)> {
        let mut idle = self.idle.borrow_mut();
        let rank = |c: &Conversation| {
            let same = key.is_some_and(|key| c.key.as_deref() == Some(key));
            (same, c.context.common(prompt), c.context.is_empty())
        };
        let (at, _) = idle.iter().enumerate().max_by_key(|(_, c)| rank(c))?;
        let nearest = idle.remove(at);
        let common = nearest.context.common(prompt);
        Some((nearest, common))
    }

    async fn fresh(&self) -> Result<Conversation> {
        Ok(Conversation { context: Context::new(&self.model).await?, key: None, prompt: 0 })
    }

    /// Lets go of conversations, least recently used first, until a copy of `of` for so many positions fits the budget;
    /// whether it does.
    fn make_room(&self, of: &Context, positions: usize) -> bool {
        let bytes = |positions| KvCache::bytes(self.model.cache_layers(), positions);
        let budget = bytes(BUDGET);
        let needed = of.bytes() + bytes(KvCache::capacity(positions, self.model.n_ctx));
        let mut idle = self.idle.borrow_mut();
        let mut kept: u64 = idle.iter().map(|c| c.context.bytes()).sum();
        while needed + kept > budget && !idle.is_empty() {
            kept -= idle.remove(0).context.bytes();
        }
        needed + kept <= budget
    }
}

impl Deref for Lease<'_> {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.conversation.as_ref().expect("until it is dropped").context
    }
}

impl DerefMut for Lease<'_> {
    fn deref_mut(&mut self) -> &mut Context {
        &mut self.conversation.as_mut().expect("until it is dropped").context
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.conversations.idle.borrow_mut().extend(self.conversation.take());
    }
}
